"""Who is told of a release that was taken back, also where the program is killed in between."""

from __future__ import annotations

from standardwebhooks import Webhook

from lab.github import GitHub
from lab.recorder import Recorder
from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from tests.conftest import MakeWorld

COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
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


def test_github_is_told_of_a_deployment_that_a_kill_interrupts(make_world: MakeWorld) -> None:
    with GitHub() as github:
        world = make_world(settings={"notify": [{"github": github.url, "token": "hush"}]})
        labels = {"source": "https://127.0.0.1/team/web", "revision": COMMIT}
        named = tuple((f"org.opencontainers.image.{key}", text) for key, text in labels.items())
        world.begin("web", Release("1"))
        name = world.name("web")
        world.listener.stop()
        world.listener.start(fault="before-watch")
        digest = world.push("web", Release("2", labels=named))
        world.listener.wait()
        world.listener.start()
        ended = world.listener.deployment_of(name, digest)
        assert ended["state"] == "succeeded", ended["reason"]
        assert ended["source"] == {"url": labels["source"], "revision": COMMIT}
        wait_for(lambda: github.states() == [["in_progress", "success"]], "GitHub knows the end")
    [made] = github.deployments
    assert (made["repository"], made["ref"]) == ("team/web", COMMIT)
    assert made["payload"] == {"listener": ended["id"], "digest": digest}
    assert "hush" not in world.listener.logs()
