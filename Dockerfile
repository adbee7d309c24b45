# docker build -t tockwork .        How to run it: docs/how-to/run-in-docker.md

FROM python:3.13-slim AS build
# A mirror of the package index, if you have one: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/tockwork
COPY locks/run.txt locks/
RUN /opt/tockwork/bin/python -m pip install --quiet --only-binary :all: --require-hashes -r locks/run.txt
COPY LICENSE README.md pyproject.toml ./
COPY src src
RUN /opt/tockwork/bin/python -m pip install --quiet --no-deps --no-build-isolation . \
 && /opt/tockwork/bin/python -m pip uninstall --quiet --yes editables hatchling pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Tockwork" \
      org.opencontainers.image.description="Gets an advertiser's events to TikTok reliably, privately and provably." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 tockwork \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tockwork \
 && install -d -m 700 -o 10001 -g 10001 /data
COPY --from=build /opt/tockwork /opt/tockwork
# Inside the container alone: what of it can be reached from outside is decided where its ports are published.
ENV TOCKWORK_HOST=0.0.0.0 TOCKWORK_ADMIN_HOST=0.0.0.0 TOCKWORK_DATA=/data
ENV PATH=/opt/tockwork/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# Of the admin listener, which every role has. Not through a proxy, whatever the environment says.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('TOCKWORK_ADMIN_PORT') or 8081), timeout=4); c.request('GET', '/ready'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["tockwork"]
CMD ["serve"]
