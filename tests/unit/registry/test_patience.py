"""What can wait asks registries seldom, once for all, and not while they want to be left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiohttp import web
from fake_registry import DIGEST, FakeRegistry

from listener.model.reference import Reference
from listener.registry import LeftAlone, Limits, NotFound, Patient, RegistryAway, Resolver

HOST = "registry.example.com"
WEB = Reference(HOST, "team/web")
MANIFEST = "/v2/team/web/manifests/v1"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """Answers as told, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: Exception | None = None

    async def digest(self, image: Reference, tag: str) -> str:
        self.asked.append(f"{image.name}:{tag}")
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return DIGEST

    async def tags(self, image: Reference) -> list[str]:
        self.asked.append(image.name)
        return ["v1"]


class Nobody:
    async def for_host(self, host: str) -> None:
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(clock)


@pytest.fixture
def registry() -> Scripted:
    return Scripted()


@pytest.fixture
def patient(registry: Scripted, limits: Limits, clock: Clock) -> Patient:
    return Patient(registry, limits, clock)


async def test_several_targets_of_one_tag_are_one_question(
    patient: Patient, registry: Scripted, clock: Clock
) -> None:
    answers = await asyncio.gather(*(patient.digest(WEB, "v1") for _ in range(5)))
    assert answers == [DIGEST] * 5
    await patient.digest(WEB, "v1")
    assert registry.asked == [f"{WEB.name}:v1"]
    await patient.digest(WEB, "v2")
    assert await patient.tags(WEB) == ["v1"]
    assert registry.asked == [f"{WEB.name}:v1", f"{WEB.name}:v2", WEB.name]
    clock.now += 60
    await patient.digest(WEB, "v1")
    assert len(registry.asked) == 4


async def test_a_registry_that_is_down_is_asked_with_growing_pauses(
    patient: Patient, registry: Scripted, clock: Clock
) -> None:
    registry.fault = RegistryAway("connection refused")
    pauses = []
    for count in range(1, 9):
        with pytest.raises(RegistryAway):
            await patient.digest(WEB, "v1")
        with pytest.raises(LeftAlone) as alone:
            await patient.digest(WEB, "v2")
        assert len(registry.asked) == count
        pauses.append(alone.value.seconds)
        clock.now += alone.value.seconds + 1
    assert 30 <= pauses[0] <= 39
    assert pauses[1] > pauses[0]
    assert pauses[2] > pauses[1]
    assert 900 <= pauses[-1] <= 1170
    registry.fault = None
    assert await patient.digest(WEB, "v1") == DIGEST
    registry.fault = RegistryAway("again")
    with pytest.raises(RegistryAway):
        await patient.digest(WEB, "v3")
    with pytest.raises(LeftAlone) as alone:
        await patient.digest(WEB, "v3")
    assert alone.value.seconds <= 39, "it was there in between"


async def test_it_waits_as_long_as_the_registry_asks_for(
    patient: Patient, registry: Scripted
) -> None:
    registry.fault = RegistryAway("answers 429", 600)
    with pytest.raises(RegistryAway):
        await patient.digest(WEB, "v1")
    with pytest.raises(LeftAlone, match="is left alone for") as alone:
        await patient.digest(WEB, "v1")
    assert alone.value.seconds >= 600


async def test_what_is_not_there_is_no_reason_to_wait(patient: Patient, registry: Scripted) -> None:
    registry.fault = NotFound("no tag v1")
    for _ in range(2):
        with pytest.raises(NotFound):
            await patient.digest(WEB, "v1")
    registry.fault = None
    assert await patient.digest(WEB, "v2") == DIGEST


@pytest.mark.parametrize(
    ("headers", "rest"),
    [
        ({}, 0),
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}, 0),
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "9;w=21600"}, 900),
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}, 3600),
        ({"RateLimit-Limit": "60", "RateLimit-Remaining": "0", "RateLimit-Reset": "40"}, 40),
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "1"}, 900),
        ({"ratelimit-remaining": "many"}, 0),
        ({"ratelimit-remaining": "-1;w=x"}, 0),
    ],
)
async def test_the_rest_of_a_limit_is_left_for_pulls(
    fake: FakeRegistry, clock: Clock, headers: Mapping[str, str], rest: float
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Docker-Content-Digest": DIGEST, **headers})

    fake.routes[MANIFEST] = answer
    limits = Limits(clock)
    resolver = Resolver({}, Nobody(), limits=limits)
    image = Reference(fake.host, "team/web")
    patient = Patient(resolver, limits, clock)
    assert await patient.digest(image, "v1") == DIGEST
    assert limits.rest(fake.host) == rest
    if rest:
        with pytest.raises(LeftAlone):
            await patient.digest(image, "v2")
        # What a push asks for is asked all the same.
        assert await resolver.digest(image, "v1") == DIGEST
    assert set(fake.methods()) == {"HEAD"}
    await resolver.close()
