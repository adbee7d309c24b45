from __future__ import annotations

import pytest

from tockwork.ingest.proxies import Proxies
from tockwork.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("networks", "peer", "forwarded_for", "client"),
    [
        ([], "203.0.113.9", [], "203.0.113.9"),
        ([], "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ([], "10.0.0.1", ["198.51.100.1"], "10.0.0.1"),
        (["10.0.0.0/8"], "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        (["10.0.0.0/8"], "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["6.6.6.6", "198.51.100.1,10.0.0.2"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", [], "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["unknown"], "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", ["198.51.100.1, garbage, 10.0.0.2"], "10.0.0.2"),
        (["10.0.0.1"], "10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        (["2001:db8::/32"], "2001:db8::1", ["198.51.100.1"], "198.51.100.1"),
        (["10.0.0.1"], "::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ([], "::ffff:203.0.113.9", [], "203.0.113.9"),
        (["10.0.0.1"], "/run/tockwork.sock", ["198.51.100.1"], ""),
    ],
)
def test_client(networks: list[str], peer: str, forwarded_for: list[str], client: str) -> None:
    assert Proxies(networks).client(peer, forwarded_for) == client


def test_all_wrong_networks_are_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Proxies(["10.0.0.0/8", "10.0.0.1/8", "everyone"])
    assert [problem.where for problem in caught.value.problems] == ["trusted proxies[1]", "trusted proxies[2]"]
