"""The doctor's rounds of a data folder: what there is to examine, gathered."""

from __future__ import annotations

from tockwork.configuration.advice import advice
from tockwork.configuration.instance import Instance
from tockwork.configuration.keyring import FILE_NAME as KEY_FILE
from tockwork.delivery.exchange import Exchange
from tockwork.doctor.examination import Examined, examine
from tockwork.doctor.finding import Finding
from tockwork.model.errors import Problem
from tockwork.operations.premises import Premises
from tockwork.store.lock import Role, is_held


def connected(premises: Premises) -> tuple[list[Instance], list[Problem]]:
    """All destinations, a pair as its two legs, and what is wrong with those that cannot be connected."""
    return premises.connected()


async def gathered(premises: Premises, *, dead: bool = True) -> Examined:
    """Everything about the data folder. Without `dead`, nothing of dead letters, which take a while to count."""
    instances, problems = connected(premises)
    settings = premises.settings
    return Examined(
        snapshot=await premises.survey(),
        connections={instance.name: instance.connection for instance in instances},
        problems=problems,
        advice=list(advice(premises.configuration.sources, instances)),
        dead=await premises.dead_of_the_last_day() if dead else {},
        roles=[role for role in Role if is_held(settings.data, role)],
        data=settings.data,
        key=settings.data / KEY_FILE,
        ages=settings.ages,
        sources={leg.name: leg.sources for leg in premises.configuration.legs},
    )


async def rounds(premises: Premises, *, ask: bool, dead: bool = True) -> list[Finding]:
    """What the doctor finds. With `ask`, the platform is asked about access tokens and the clock."""
    examined = await gathered(premises, dead=dead)
    exchange = Exchange(premises.settings.tiktok_url, premises.settings.ca_bundle) if ask else None
    try:
        return await examine(examined, exchange)
    finally:
        if exchange is not None:
            await exchange.close()


def about(name: str, findings: list[Finding]) -> list[Finding]:
    """The findings that name the destination `name`, as the one they are about or as the other one of two."""
    named = f"destination {name!r}"
    return [one for one in findings if named in one.where or named in one.what]
