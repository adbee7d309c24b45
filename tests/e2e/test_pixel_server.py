"""A pixel beside a destination of the server: configured together, delivered to by the browser alone."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from tests.e2e.command import arguments, environment
from tests.e2e.server import Server

CONFIGURATION: Final = """
sources:
  - {name: shop, kind: browser, write_key: shop-key}
destinations:
  - {name: server, kind: tiktok-conversions, sandbox: true, settings: {pixelCode: C8E2OS3C77UABCDXYZ00}}
  - name: pixel
    kind: tiktok-pixel
    settings: {pixelCode: C8E2OS3C77UABCDXYZ00}
"""


def test_the_pixel_is_no_consumer_of_the_journal(tmp_path: Path) -> None:
    configuration, data = tmp_path / "tockwork.yaml", str(tmp_path / "data")
    configuration.write_text(CONFIGURATION)
    with Server("--config", str(configuration), TOCKWORK_DATA=data) as server:
        event = {"writeKey": "shop-key", "event": "Signed Up", "userId": "u-1", "messageId": "m-1"}
        body = json.dumps(event).encode()
        with urlopen(Request(f"{server.url}/v1/track", body, method="POST"), timeout=30) as answer:
            assert answer.status == 200
        end = time.monotonic() + 30
        while (found := stats(data)) != {"server": 1} and time.monotonic() < end:
            time.sleep(0.1)
    assert found == {"server": 1}


def stats(data: str) -> dict[str, int]:
    """Deliveries that are done, by destination."""
    command = arguments("stats", "--json", "--data", data)
    said = subprocess.run(command, env=environment(), capture_output=True, check=True).stdout
    return {
        state["name"]: sum(line["number"] for line in state["lines"] if line["status"] == "delivered")
        for state in json.loads(said)["destinations"]
    }


def test_liquid_in_a_pixels_mapping_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tockwork.yaml"
    fields = "{event: Purchase, value: {'@liquid': '{{ a }}'}}"
    file.write_text(f"{CONFIGURATION}    mappings: [{{name: M, trigger: type = null, fields: {fields}}}]\n")
    done = subprocess.run(arguments("check", str(file)), env=environment(), capture_output=True, text=True)
    assert done.returncode != 0
    assert "mappings[0].fields.value" in done.stderr + done.stdout
    assert "@liquid does not run in a browser" in done.stderr + done.stdout
