"""Pulls: what succeeds, what each fault looks like on the real engine, and when to try again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from misbehaving import Misbehaving

from listener.demo.app import Release, build
from listener.demo.engine import LABEL
from listener.demo.engine import Engine as LabEngine
from listener.demo.gate import EngineGate
from listener.demo.ports import free_port
from listener.demo.registry import PASSWORD, USER, Registry
from listener.demo.ship import Api
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, NotFound, PullFault
from listener.drivers.image_calls import LayerProgress
from listener.drivers.pull import pull_with_retries
from listener.model.auth import Auth, CredentialsFault
from listener.model.base import utc_now

Connect = Callable[[str], Awaitable[Engine]]


class Logins:
    """Answers one after the other, the last for ever; counts how often it was asked."""

    def __init__(self, *answers: Auth | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def for_host(self, host: str) -> Auth | None:
        self.asked.append(host)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def anonymous() -> Logins:
    return Logins(None)


@pytest.fixture
def pulls(client: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digest of each pull that the client's engine was asked for."""
    asked: list[str] = []
    pull = client.pull

    async def counted(image: str, digest: str, *rest: Any, **more: Any) -> dict[str, Any]:
        asked.append(digest)
        return await pull(image, digest, *rest, **more)

    monkeypatch.setattr(client, "pull", counted)
    return asked


def push(registry: Registry, session: str, version: str = "1") -> str:
    release = Release(version=f"{session}-{version}")
    return Api(registry).push(f"{session}/web", version, build(release, {LABEL: session}))


async def test_a_pull_shows_its_progress_and_leaves_the_image(
    client: Engine, registry: Registry, session: str
) -> None:
    digest = push(registry, session)
    image = f"{registry.host}/{session}/web"
    seen: list[LayerProgress] = []
    found = await client.pull(image, digest, None, seen.append)
    assert found["RepoDigests"] == [f"{image}@{digest}"]
    assert found == await client.inspect_image(f"{image}@{digest}")
    statuses = {one.status for one in seen}
    assert {"Pull complete"} <= statuses or {"Already exists"} <= statuses
    # The containerd store counts bytes every tenth of a second: a small layer is there before.
    counted = any(one.current is not None and one.total for one in seen)
    assert counted or client.containerd_store


async def test_a_private_registry_takes_the_login_and_nothing_else(
    client: Engine, session: str, tmp_path: Path
) -> None:
    with Registry(tmp_path, login=True) as registry:
        digest = push(registry, session)
        image = f"{registry.host}/{session}/web"
        for wrong in (None, Auth(USER, "wrong-secret")):
            with pytest.raises(PullFault) as refused:
                await client.pull(image, digest, wrong)
            assert refused.value.kind == "denied"
            assert "wrong-secret" not in refused.value.message
        assert await client.pull(image, digest, Auth(USER, PASSWORD))
        described = await client.distribution(f"{image}:1", Auth(USER, PASSWORD))
        assert described["Descriptor"]["digest"] == digest


async def test_an_unknown_digest_is_not_found(
    client: Engine, registry: Registry, session: str
) -> None:
    push(registry, session)
    with pytest.raises(PullFault) as fault:
        await client.pull(f"{registry.host}/{session}/web", f"sha256:{'0' * 64}", None)
    assert fault.value.kind == "not_found"


async def test_another_platform_is_told_at_once(
    client: Engine, registry: Registry, session: str, anonymous: Logins, pulls: list[str]
) -> None:
    made = build(Release(version=session), {LABEL: session})
    digest = Api(registry).push_index(f"{session}/web", "1", [("s390x", made)])
    image = f"{registry.host}/{session}/web"
    with pytest.raises(PullFault) as fault:
        await pull_with_retries(client, image, digest, anonymous, pull_timeout=30)
    assert fault.value.kind == "no_platform"
    assert pulls == [digest]


async def test_an_image_of_another_platform_without_an_index_is_told_too(
    client: Engine, registry: Registry, session: str
) -> None:
    digest = push(registry, session)
    client.architecture = "s390x"
    with pytest.raises(PullFault, match=r"is made for linux/\w+, the engine runs linux/s390x"):
        await client.pull(f"{registry.host}/{session}/web", digest, None)


@pytest.mark.parametrize(
    ("answer", "repeats"),
    [
        pytest.param(lambda _: web.Response(status=404), 4, id="missing"),
        pytest.param(lambda good: web.Response(body=bytes(len(good))), 2, id="damaged"),
    ],
)
async def test_a_bad_layer_gets_few_chances(
    client: Engine,
    misbehaving: Misbehaving,
    answer: Callable[[bytes], web.Response],
    repeats: int,
) -> None:
    good = misbehaving.blobs[misbehaving.layer]
    misbehaving.on_blob = lambda digest: answer(good) if digest == misbehaving.layer else None
    image = f"{misbehaving.host}/team/web"
    with pytest.raises(PullFault) as fault:
        await client.pull(image, misbehaving.digest, None)
    assert (fault.value.kind, fault.value.repeats) == ("transient", repeats)
    with pytest.raises(NotFound):
        await client.inspect_image(f"{image}@{misbehaving.digest}")


async def test_a_layer_that_heals_is_pulled_again(
    client: Engine, misbehaving: Misbehaving, anonymous: Logins
) -> None:
    answers = [web.Response(body=b"damaged")]
    misbehaving.on_blob = lambda digest: (
        answers.pop() if answers and digest == misbehaving.layer else None
    )
    image = f"{misbehaving.host}/team/web"
    found = await pull_with_retries(client, image, misbehaving.digest, anonymous, pull_timeout=30)
    assert f"{image}@{misbehaving.digest}" in found["RepoDigests"]
    assert not answers


async def test_a_pull_that_stands_still_is_broken_off(
    client: Engine, misbehaving: Misbehaving
) -> None:
    misbehaving.hanging.add(misbehaving.layer)
    began = time.monotonic()
    with pytest.raises(PullFault, match=r"broke off.*within 1\.5 s") as fault:
        await client.pull(f"{misbehaving.host}/team/web", misbehaving.digest, None, stall=1.5)
    assert fault.value.kind == "transient"
    assert time.monotonic() - began < 100


async def test_a_broken_connection_is_no_success(
    engine: LabEngine, misbehaving: Misbehaving, tmp_path: Path, connect: Connect
) -> None:
    misbehaving.hanging.add(misbehaving.layer)
    with EngineGate(engine.socket, tmp_path) as gate:
        client = await connect(gate.url)

        def cut(_: LayerProgress) -> None:
            gate.down()

        with pytest.raises(PullFault, match="broke off") as fault:
            await client.pull(f"{misbehaving.host}/team/web", misbehaving.digest, None, cut)
        assert fault.value.kind == "transient"
        with pytest.raises(EngineAway):
            await client.pull(f"{misbehaving.host}/team/web", misbehaving.digest, None)


async def test_just_after_a_push_the_registry_may_lag(
    client: Engine, misbehaving: Misbehaving, anonymous: Logins, pulls: list[str]
) -> None:
    image = f"{misbehaving.host}/team/web"
    misbehaving.on_manifest = lambda: web.json_response(
        {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}, status=404
    )
    for pushed_at in (None, utc_now() - timedelta(seconds=61)):
        with pytest.raises(PullFault) as fault:
            await pull_with_retries(
                client,
                image,
                misbehaving.digest,
                anonymous,
                pull_timeout=30,
                pushed_at=pushed_at,
            )
        assert fault.value.kind == "not_found"
    assert len(pulls) == 2, "without a fresh push it is final at once"
    misbehaving.asked.clear()
    waiting = asyncio.create_task(
        pull_with_retries(
            client,
            image,
            misbehaving.digest,
            anonymous,
            pull_timeout=30,
            pushed_at=utc_now() - timedelta(seconds=1),
        )
    )
    async with asyncio.timeout(20):
        await misbehaving.asked.wait()
    misbehaving.on_manifest = lambda: None
    assert f"{image}@{misbehaving.digest}" in (await waiting)["RepoDigests"]


async def test_a_refused_login_is_asked_for_once_more(
    client: Engine, session: str, tmp_path: Path
) -> None:
    with Registry(tmp_path, login=True) as registry:
        digest = push(registry, session)
        image = f"{registry.host}/{session}/web"
        wrong, right = Auth(USER, "stale"), Auth(USER, PASSWORD)
        never = Logins(wrong)
        with pytest.raises(PullFault) as refused:
            await pull_with_retries(client, image, digest, never, pull_timeout=30)
        assert refused.value.kind == "denied"
        assert never.asked == [registry.host] * 2
        for first in (wrong, CredentialsFault("the helper is not there")):
            renewed = Logins(first, right)
            assert await pull_with_retries(client, image, digest, renewed, pull_timeout=30)
            assert renewed.asked == [registry.host] * 2
            await client.untag(f"{image}@{digest}")


async def test_credentials_that_cannot_be_read_are_the_reason(
    client: Engine, registry: Registry, session: str
) -> None:
    broken = Logins(CredentialsFault("docker-credential-x is not installed"))
    with pytest.raises(PullFault, match="docker-credential-x is not installed") as fault:
        await pull_with_retries(
            client,
            f"{registry.host}/{session}/web",
            push(registry, session),
            broken,
            pull_timeout=30,
        )
    assert fault.value.kind == "denied"


async def test_patience_ends_with_the_last_reason(
    client: Engine, anonymous: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What would come after all patience is over is not waited for.
    monkeypatch.setattr("listener.drivers.pull._PAUSES", (1.0, 1000.0))
    image = f"127.0.0.1:{free_port()}/team/web"
    with pytest.raises(PullFault, match=r"connection refused.*after 2 tries") as fault:
        await pull_with_retries(client, image, f"sha256:{'0' * 64}", anonymous, pull_timeout=60)
    assert fault.value.kind == "final"


async def test_a_pull_that_never_ends_is_ended(
    client: Engine, misbehaving: Misbehaving, anonymous: Logins
) -> None:
    misbehaving.hanging.add(misbehaving.layer)
    with pytest.raises(PullFault, match="did not finish within 1s") as fault:
        await pull_with_retries(
            client, f"{misbehaving.host}/team/web", misbehaving.digest, anonymous, pull_timeout=1
        )
    assert fault.value.kind == "final"


async def test_what_is_there_needs_no_registry(
    client: Engine, registry: Registry, session: str
) -> None:
    digest = push(registry, session)
    image = f"{registry.host}/{session}/web"
    logins = Logins(None)
    await pull_with_retries(client, image, digest, logins, pull_timeout=30)
    registry.stop()
    assert await pull_with_retries(client, image, digest, logins, pull_timeout=5)
    assert logins.asked == [registry.host]
