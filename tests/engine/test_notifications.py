"""Who is told of a release that was taken back, also where the program is killed in between."""

from __future__ import annotations

from standardwebhooks import Webhook

from lab.app import Behaviour, Release
from lab.recorder import Recorder
from lab.waiting import wait_for
from tests.conftest import MakeWorld

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_release_that_is_taken_back_is_told_after_a_kill(make_world: MakeWorld) -> None:
    # It has its address already, and does not answer before it is entered.
    recorder = Recorder()
    notify = [{"url": recorder.url, "signing_secret": SECRET}]
    world = make_world(settings={"notify": notify})
    url = world.begin("web", Release("1"))
    name = world.name("web")
    digest = world.push("web", Release("2", Behaviour.SICK))
    ended = world.listener.deployment_of(name, digest)
    assert ended["state"] == "rolled_back", ended["reason"]
    world.wait_answer(url, "1")
    world.listener.kill()

    with recorder:
        world.listener.start()
        wait_for(lambda: recorder.requests, "the notice comes")
        # Another release is deployed meanwhile, and nobody is told of what went well.
        good = world.listener.deployment_of(name, world.push("web", Release("3")))
        assert good["state"] == "succeeded", good["reason"]
        assert {one.headers["webhook-id"] for one in recorder.requests} == {
            f"{ended['id']}.rolled_back"
        }
        first = recorder.requests[0]
        told = Webhook(SECRET).verify(first.body, dict(first.headers))
    assert told["type"] == "deployment.rolled_back"
    assert (told["data"]["target"], told["data"]["to_digest"]) == (name, digest)
    assert told["data"]["reason"] == ended["reason"]
    assert SECRET not in world.listener.logs()
