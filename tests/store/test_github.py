"""Deployments as GitHub is told of them, over a real Redis and to a small GitHub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.github import GitHub
from listener.config import Settings
from listener.config.notifier import Notifier
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Source, State, Step
from listener.model.journal import Phase
from listener.store import Lane, Ledger
from listener.worker import couriers as module

from .conftest import a_deployment, a_journal
from .telling import carried, left

COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as one:
        yield one


def told(github: GitHub) -> Settings:
    entry = {"github": github.url, "token": "hush", "environment": "{host} {target}"}
    return Settings(notify=(Notifier.model_validate(entry),))


def pulled(repository: str = "https://127.0.0.1/team/web", **facts: object) -> Deployment:
    """One whose image has just come."""
    now = utc_now()
    steps = (Step(name="pull", started_at=now, finished_at=now), Step(name="tag", started_at=now))
    source = Source(url=repository, revision=COMMIT)
    return a_deployment(state=State.SWAPPING, steps=steps, source=source, **facts)


async def begins(ledger: Ledger, deployment: Deployment) -> None:
    await ledger.save(a_journal(deployment, Phase.TAG))


async def ends(ledger: Ledger, deployment: Deployment, state: State = State.SUCCEEDED) -> None:
    facts = {"state": state, "reason": "why" * 100, "finished_at": utc_now()}
    await ledger.finish(deployment.model_copy(update=facts), lanes={"web": Lane()})


async def test_start_and_end_are_one_deployment_of_the_commit(
    ledger: Ledger, github: GitHub
) -> None:
    one, other = pulled(to_digest="sha256:b"), pulled()
    async with carried(ledger, told(github)):
        await begins(ledger, one)
        await left(ledger)
        assert github.states() == [["in_progress"]]
        # As it is written again after a kill at that point.
        await begins(ledger, one)
        await left(ledger)
        await ends(ledger, one)
        await ends(ledger, other, State.ROLLED_BACK)
        await left(ledger)
    first, second = github.deployments
    assert (first["repository"], first["ref"], first["environment"]) == (
        "team/web",
        COMMIT,
        "h1 web",
    )
    assert first["payload"] == {"listener": one.id, "digest": "sha256:b"}
    assert (first["auto_merge"], first["required_contexts"]) == (False, [])
    assert first["statuses"][-1]["state"] == "success"
    assert second["payload"]["listener"] == other.id, "the end alone makes it good"
    assert [status["state"] for status in second["statuses"]] == ["failure"]
    assert len(second["statuses"][0]["description"]) == 140, "GitHub refuses longer ones"
    assert github.tokens == {"Bearer hush"}


async def test_a_failure_that_is_found_again_is_not_told_again(
    ledger: Ledger, github: GitHub
) -> None:
    """GitHub hears of each beginning, so also of each end; others hear of what has changed."""
    entry = {"url": "http://127.0.0.1:1/in", "signing_secret": "whsec_aGVsbG8="}
    ops = Notifier.model_validate(entry)
    couriers = module.Couriers(Settings(notify=(*told(github).notify, ops)), ledger)
    heard: dict[str, list[str]] = {}
    for trigger in ("push", "reconcile", "reconcile"):
        one = pulled(trigger=trigger)
        failed = one.model_copy(update={"state": State.FAILED, "finished_at": utc_now()})
        for record in (one, failed):
            for notice in couriers.notices(record):
                heard.setdefault(notice.notifier, []).append(notice.notice.state.value)
    assert heard[ops.key] == ["failed"]
    assert heard[told(github).notify[0].key] == ["swapping", "failed"] * 3


async def test_what_github_refuses_for_now_comes_again_in_order(
    ledger: Ledger, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.05)
    github.refusals = [(401, {}), (502, {}), (403, {"Retry-After": "1"}), (429, {})]
    one = pulled()
    async with carried(ledger, told(github)):
        await begins(ledger, one)
        await ends(ledger, one, State.ROLLBACK_FAILED)
        await left(ledger)
    assert github.states() == [["in_progress", "error"]]


async def test_a_repository_that_the_token_may_not_write_holds_up_no_other(
    ledger: Ledger, github: GitHub
) -> None:
    github.unknown = {"team/web"}
    one, other = pulled(), pulled("git@127.0.0.1:team/api.git")
    async with carried(ledger, told(github)):
        await ends(ledger, one)
        await ends(ledger, other)
        await left(ledger)
    assert [made["repository"] for made in github.deployments] == ["team/api"]


@pytest.mark.parametrize(
    "label",
    [
        "https://evil.example.com/team/web",
        "https://127.0.0.1@evil.example.com/team/web",
        "https://127.0.0.1/team/web/../../../user",
        "https://127.0.0.1/team/..",
        "https://127.0.0.1/team/web?x=/deployments",
    ],
)
async def test_a_label_chooses_neither_server_nor_call(
    ledger: Ledger, github: GitHub, label: str
) -> None:
    async with carried(ledger, told(github)):
        await begins(ledger, pulled(label))
        await ends(ledger, pulled(label))
        assert await ledger.outbox() == []
    assert github.asked == []
