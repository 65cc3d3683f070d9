"""SIGKILL at every step of the strategies that run two containers at once, and of what is proven
or run before a swap; then it is started again, with what Redis had or without."""

from __future__ import annotations

import pytest

from listener.demo.app import Behaviour
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.beside import Beside

# As in the recreate's: `before-x` and `x` are around an act, the others are within one. A number
# is for the second of the two networks.
WARM = [
    *("before-boot", "secluded", "boot", "before-prove", "prove", "before-handover"),
    *("found", "freed", "named", "moved", "moved:2", "joined", "joined:2", "handover"),
    *("before-retire", "stopping", "retire", "before-disarm", "before-watch", "commit"),
]
START_FIRST = [
    "secluded",
    "boot",
    "before-handover",
    "found",
    "freed",
    "named",
    "handover",
    "stopping",
]
BACK = [
    *("before-revert", "given-up", "given-up:2", "given-back", "given-back:2", "unnamed"),
    *("renamed", "restored", "unstarted", "revert", "before-clean", "clean"),
]


def comes_back(scene: Beside, *, journal: bool) -> None:
    """Starts the listener again, with or without what Redis had."""
    if journal:
        scene.world.listener.kill(redis=True)
    else:
        scene.lose_redis()
    scene.world.listener.start()


@pytest.mark.parametrize(
    ("strategy", "fault"),
    [*(("warm", fault) for fault in WARM), *(("start-first", fault) for fault in START_FIRST)],
)
def test_a_good_release_takes_over(world: World, strategy: str, fault: str) -> None:
    scene = Beside(world, strategy)
    scene.die_at(fault, "2")
    comes_back(scene, journal=True)
    history = scene.comes_to_rest("2")
    assert [one["state"] for one in history].count("succeeded") == 1


# What the engine shows is the same before an act and after the one before it.
WARM_SHOWN = ["secluded", "boot", "freed", "named", "moved", "moved:2", "joined", "joined:2"]
START_FIRST_SHOWN = ["boot", "found", "freed", "named", "stopping"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("strategy", "fault"),
    [
        *(("warm", fault) for fault in (*WARM_SHOWN, "handover", "stopping", "commit")),
        *(("start-first", fault) for fault in START_FIRST_SHOWN),
    ],
)
def test_a_good_release_takes_over_without_the_journal(
    world: World, strategy: str, fault: str
) -> None:
    scene = Beside(world, strategy)
    scene.die_at(fault, "2")
    comes_back(scene, journal=False)
    scene.comes_to_rest("2")


def begin_sick(world: World, strategy: str, fault: str) -> Beside:
    """Dies at a step of the way back from a release that is healthy until it has taken over."""
    # It settles once before it takes over, and turns before it has settled again: checks that take
    # some seconds on a busy machine must neither be late for the one nor hide the other.
    scene = Beside(world, strategy, {"listener.health.settle": "12s"})
    scene.die_at(fault, "2", Behaviour.TURNS, seconds=20)
    return scene


START_FIRST_BACK = ["before-revert", "unnamed", "unstarted", "before-clean"]


@pytest.mark.parametrize(
    ("strategy", "fault"),
    [*(("warm", fault) for fault in BACK), *(("start-first", fault) for fault in START_FIRST_BACK)],
)
def test_what_turns_sick_after_the_hand_over_is_taken_back(
    world: World, strategy: str, fault: str
) -> None:
    scene = begin_sick(world, strategy, fault)
    comes_back(scene, journal=True)
    history = scene.comes_to_rest("1")
    assert scene.same_container()
    assert history[0]["state"] == "rolled_back"
    assert "queue is full" in history[0]["reason"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("strategy", "fault"),
    [
        *(("warm", fault) for fault in ("before-revert", "given-up", "given-up:2", "given-back")),
        *(("warm", fault) for fault in ("unnamed", "renamed", "unstarted")),
        *(("start-first", fault) for fault in ("before-revert", "unnamed", "renamed", "unstarted")),
    ],
)
def test_it_is_taken_back_without_the_journal(world: World, strategy: str, fault: str) -> None:
    scene = begin_sick(world, strategy, fault)
    comes_back(scene, journal=False)
    # Where nothing is known of the digest any more, it is tried and taken back once more.
    wait_for(
        lambda: any(one["state"] == "rolled_back" for one in world.listener.deployments()),
        "the sick version is taken back",
        timeout=180,
    )
    scene.comes_to_rest("1")
    assert scene.same_container()


RELEASE = {"listener.release": "sh -c 'echo $APP_VERSION >> /mounted/log; sleep 1'"}
PREFLIGHT = {"listener.preflight": "true"}
CREATED = ["twin-created", "release-created"]
PROVEN = ["twin-started", "disposing", "preflight"]


@pytest.mark.parametrize("fault", ["before-release", *CREATED, "release-started", "release", "tag"])
def test_the_release_command_runs_once_whatever_the_kill(world: World, fault: str) -> None:
    scene = Beside(world, "warm", RELEASE)
    scene.die_at(fault, "2")
    comes_back(scene, journal=True)
    scene.comes_to_rest("2")
    assert scene.lines("log") == ["2"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fault", [*CREATED, "release-started", "release", "tag", "create", "boot", "freed"]
)
def test_it_runs_once_also_without_the_journal(world: World, fault: str) -> None:
    scene = Beside(world, "warm", RELEASE)
    scene.die_at(fault, "2")
    comes_back(scene, journal=False)
    scene.comes_to_rest("2")
    assert scene.lines("log") == ["2"]


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "lost"])
@pytest.mark.parametrize("fault", ["before-preflight", "twin-created", *PROVEN])
def test_a_twin_that_was_left_goes(world: World, fault: str, journal: bool) -> None:
    scene = Beside(world, "warm", PREFLIGHT)
    scene.die_at(fault, "2")
    comes_back(scene, journal=journal)
    scene.comes_to_rest("2")


@pytest.mark.parametrize("fault", [*PROVEN, "before-discard", "discard"])
def test_a_sick_twin_changes_nothing(world: World, fault: str) -> None:
    scene = Beside(world, "warm", PREFLIGHT)
    before = world.container("web")["State"]["StartedAt"]
    scene.die_at(fault, "2", Behaviour.SICK)
    comes_back(scene, journal=True)
    history = scene.comes_to_rest("1")
    assert history[0]["state"] == "failed"
    assert history[0]["reason"].startswith("preflight: unhealthy")
    assert scene.same_container()
    assert world.container("web")["State"]["StartedAt"] == before
