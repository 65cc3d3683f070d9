"""Deployments that touch the same container take turns."""

from __future__ import annotations

import asyncio

from listener.deploy.claims import Claims
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Trigger
from listener.model.journal import Journal, OldContainer, Phase
from listener.model.target import Target, TargetSettings


def journal(name: str, *, planned: bool = False) -> Journal:
    deployment = Deployment(
        id=name, target=name, host="h", trigger=Trigger.PUSH, image="web", queued_at=utc_now()
    )
    target = Target(name=name, host="h", settings=TargetSettings(container=name), container=name)
    old = OldContainer(
        id=name,
        name=name,
        image_id="",
        digest=None,
        image_config={},
        inspect={},
        was_running=True,
        was_healthy=True,
    )
    phase = Phase.WATCH if planned else Phase.PLAN
    return Journal(deployment=deployment, target=target, phase=phase, old=old if planned else None)


async def turns(claims: Claims, told: list[str], name: str, *names: str) -> None:
    """A deployment that claims, works for a moment, and ends."""
    with claims.until_its_end(journal(name)):
        await claims.claim(name, {name})
        await claims.claim(name, {name, *names})
        told.append(f"{name} begins")
        await asyncio.sleep(0)
        told.append(f"{name} ends")


async def test_one_waits_for_the_other_whichever_comes_first() -> None:
    for order in (("web", "vpn"), ("vpn", "web")):
        claims, told = Claims(), list[str]()
        lives_off = {"web": ("vpn",), "vpn": ()}
        await asyncio.gather(*(turns(claims, told, name, *lives_off[name]) for name in order))
        begun, ended = told[::2], told[1::2]
        assert [line.split()[0] for line in begun] == [line.split()[0] for line in ended]


async def test_two_that_want_each_others_containers_both_end() -> None:
    claims, told = Claims(), list[str]()
    async with asyncio.timeout(5):
        await asyncio.gather(turns(claims, told, "a", "b"), turns(claims, told, "b", "a"))
    assert len(told) == 4


async def test_others_do_not_wait() -> None:
    claims, told = Claims(), list[str]()
    with claims.until_its_end(journal("web")):
        await claims.claim("web", {"web", "vpn"})
        async with asyncio.timeout(5):
            await turns(claims, told, "shop")
    assert told == ["shop begins", "shop ends"]


async def test_what_was_interrupted_has_its_containers_before_it_goes_on() -> None:
    claims, told = Claims(), list[str]()
    with claims.until_its_end(journal("vpn", planned=True)):
        other = asyncio.create_task(turns(claims, told, "web", "vpn"))
        await asyncio.sleep(0)
        assert told == []
    await other
    assert told == ["web begins", "web ends"]


async def test_one_that_is_cancelled_while_it_waits_stands_in_nobodys_way() -> None:
    claims, told = Claims(), list[str]()
    with claims.until_its_end(journal("vpn", planned=True)):
        other = asyncio.create_task(turns(claims, told, "web", "vpn"))
        await asyncio.sleep(0)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        async with asyncio.timeout(5):
            await claims.claim("vpn", {"vpn", "web"})
