"""What browsers get of a configuration: settings for each source, with the plugins of destinations in the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tockwork.configuration.entries import Configuration, DestinationEntry
from tockwork.configuration.instance import instances
from tockwork.destinations.device import browser_settings
from tockwork.ingest.assets import Assets
from tockwork.ingest.project import Project, Projects, RemotePlugin
from tockwork.ingest.source import SourceKind


def projects(configuration: Configuration, assets: Assets) -> Projects:
    """What analytics.js gets, by write key. Raises `ConfigurationError`."""
    plugins = list(_plugins(configuration.destinations))
    return Projects(
        assets,
        [
            Project(
                source.write_key,
                tuple(plugin for chosen, plugin in plugins if chosen is None or source.name in chosen)
                if source.kind == SourceKind.BROWSER
                else (),
            )
            for source in configuration.sources
            if source.enabled
        ],
    )


def _plugins(entries: Sequence[DestinationEntry]) -> Iterator[tuple[Collection[str] | None, RemotePlugin]]:
    """Plugins of the enabled destinations that are delivered to in the browser, with the sources they are for."""
    legs = [leg for entry in entries for leg in entry.legs]
    for instance in instances([leg for leg in legs if leg.enabled and leg.in_browser]):
        destination, consent = instance.connection.destination, instance.connection.privacy.consent
        if destination.device is not None:
            yield (
                instance.sources,
                RemotePlugin(
                    name=destination.title,
                    creation_name=destination.title,
                    factory=destination.device.factory,
                    asset=destination.device.asset,
                    settings=browser_settings(instance.connection),
                    categories=tuple(consent.categories) if consent else (),
                ),
            )
