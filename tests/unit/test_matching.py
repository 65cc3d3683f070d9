"""Which targets a push is for, and what the others are told."""

from __future__ import annotations

import pytest

from listener.matching import Shown, matching
from listener.model.base import utc_now
from listener.model.push import Push
from listener.model.tag_policy import TagPolicy
from listener.model.target import Target, TargetSettings
from listener.model.view import TargetView

WEB = "registry.example.com/team/web"


def push(tag: str | None, image: str = WEB) -> Push:
    return Push(
        id="p1",
        hook="private",
        provider="generic",
        image=image,
        tag=tag,
        digest="sha256:" + "a" * 64,
        received_at=utc_now(),
    )


def target(policy: dict[str, str], *, problem: str | None = None) -> Target:
    return Target(
        name="web",
        host="h",
        settings=TargetSettings(container="web"),
        image=WEB,
        spelling=f"{WEB}:latest",
        tag="latest",
        policy=TagPolicy(**policy),
        problem=problem,
    )


@pytest.mark.parametrize(
    ("policy", "fits", "not_for"),
    [
        ({"exact": "latest"}, ["latest"], ["Latest", "latest-dev", "v1"]),
        ({"semver": "^1.4"}, ["1.4.0", "v1.9.3"], ["1.3.9", "2.0.0", "latest", "1.5.0-rc.1"]),
        ({"glob": "main-*"}, ["main-1", "main-abc"], ["main", "Main-1", "dev-main-1"]),
        ({"regex": r"v\d+"}, ["v1", "v22"], ["v1.0", "xv1", ""]),
    ],
)
def test_a_policy_takes_its_tags_and_no_others(
    policy: dict[str, str], fits: list[str], not_for: list[str]
) -> None:
    assert [matching(push(tag), [target(policy)])[0][1] for tag in fits] == [None] * len(fits)
    for tag in filter(None, not_for):
        [(_, reason)] = matching(push(tag), [target(policy)])
        assert reason is not None
        assert tag in reason


def test_another_repository_has_nothing_to_do_with_it() -> None:
    for image in (f"{WEB}2", "registry.example.com/web", "docker.io/team/web"):
        assert matching(push("latest", image), [target({"exact": "latest"})]) == []


def test_a_push_by_digest_alone_asks_every_follower_of_the_repository() -> None:
    assert matching(push(None), [target({"semver": "^1"})])[0][1] is None


def test_an_invalid_target_says_what_is_wrong_with_it() -> None:
    [(_, reason)] = matching(push("latest"), [target({"exact": "latest"}, problem="no container")])
    assert reason == "no container"


def test_each_target_says_why_a_push_is_not_for_it() -> None:
    def view(name: str, policy: str, state: str = "idle") -> TargetView:
        return TargetView.model_validate(
            {
                "name": name,
                "host": "h",
                "driver": "container",
                "image": WEB,
                "policy": policy,
                "state": state,
            }
        )

    shown = Shown([view("web", "latest"), view("other", "v1"), view("broken", "latest", "invalid")])
    assert [(view.name, reason) for view, reason in shown.explained(push("latest"))] == [
        ("web", None),
        ("other", "tag latest is not what it follows (v1)"),
        ("broken", "its settings are wrong"),
    ]
    assert shown.reached(push("latest")) == ["web"]
