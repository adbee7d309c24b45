# Everything a person does with this project. Each verb works alone on a fresh machine with Python 3.11+ and pip.
.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench faults docs fix lock clean

PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/run.stamp
DEV := .venv/dev.stamp
export UV_PYTHON_DOWNLOADS := never
# Where this is set, each of the hundreds of processes that the tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(DEV) ## install everything, development tools too, into .venv

demo: $(RUN) ## watch a shopping session arrive at a stand-in for TikTok (ARGS=--once to stop after the table)
	@$(BIN)/tockwork demo $(ARGS)

serve: $(RUN) ## run the server (ARGS=... for its options)
	@$(BIN)/tockwork serve $(ARGS)

test: $(DEV) ## run the tests, slow ones scaled down
	@$(BIN)/pytest -n auto --dist worksteal $(ARGS)

check: $(DEV) ## formatting, lint, types, import direction, documentation coverage
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m browser
	@$(BIN)/pytest -q tests/unit/test_imports.py tests/unit/test_docs.py

faults: $(DEV) ## run the slow tests in full
	@$(BIN)/pytest -m faults --timeout 1500 $(ARGS)

bench: $(DEV) ## measure, as ratios to a floor taken in the same run
	@$(BIN)/python -m bench $(ARGS)

docs: $(DEV) ## write the generated reference pages anew
	@$(BIN)/python -m docs.generate

fix: $(DEV) ## format, and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(DEV) ## choose versions anew and write the locks
	@for name in run dev; do \
	  if [ $$name = run ]; then groups="--group build"; else groups="--group build --group dev"; fi; \
	  $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --upgrade \
	    --custom-compile-command "make lock" $$groups pyproject.toml -o locks/$$name.txt; \
	done
	@echo "uv==$$($(BIN)/uv --version | cut -d' ' -f2)" | $(BIN)/uv pip compile -q --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" - -o locks/uv.txt

clean: ## remove what the verbs above made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/oracle/node_modules tests/e2e/clients/node_modules browser/node_modules

.venv/uv.stamp: locks/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tockwork needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; rm -rf .venv; exit 1; }
	@echo "Installing uv into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(RUN): .venv/uv.stamp locks/run.txt pyproject.toml
	@echo "Installing Tockwork and what it runs on into .venv"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --require-hashes -r locks/run.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUN) locks/dev.txt
	@echo "Installing development tools into .venv"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --require-hashes -r locks/dev.txt
	@touch $@
