"""The browser's tests stand where those of the other clients stand."""

from tests.e2e.clients.conftest import running, stand

__all__ = ["running", "stand"]
