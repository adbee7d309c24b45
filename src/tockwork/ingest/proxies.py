"""Who a request came from, when it came through proxies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tockwork.model.errors import ConfigurationError, Problem


class Proxies:
    """The networks whose ``X-Forwarded-For`` is believed (`TOCKWORK_TRUSTED_PROXIES`); none by default."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises `ConfigurationError`, naming each entry that is no address or network."""
        self._networks: list[IPv4Network | IPv6Network] = []
        problems = []
        for place, text in enumerate(networks):
            try:
                self._networks.append(ip_network(text.strip()))
            except ValueError as problem:
                problems.append(Problem(f"trusted proxies[{place}]", str(problem), "Write 10.0.0.0/8 or 192.0.2.7"))
        if problems:
            raise ConfigurationError(problems)

    def client(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """The address of the client: the last one that no trusted proxy vouches for but its own.

        `peer` is the connection's other end, `forwarded_for` the values of ``X-Forwarded-For`` in their order. Empty
        when the peer has no address (a Unix socket). A mapped IPv4 address is given as IPv4.
        """
        if not self._networks:
            return _text(peer)
        client = _address(peer)
        if client is None:
            return ""
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        while hops and self._trusts(client):
            further = _address(hops.pop())
            if further is None:
                break
            client = further
        return str(client)

    def vouches(self, peer: str) -> bool:
        """Whether the connection's other end is a proxy whose headers are believed."""
        address = _address(peer) if self._networks else None
        return address is not None and self._trusts(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=4096)
def _text(address: str) -> str:
    return str(_address(address) or "")
