"""Dates as V8 reads them and liquidjs prints them."""
