"""The demo shop: a few pages that measure themselves with a server's own tag."""
