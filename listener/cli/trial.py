"""``listener hooks test``: what a hook makes of a push that nobody made.

The sample of the hook's provider is proved with the hook's own secrets and posted with the header
that asks for everything but the storing. Where only the sender can make the proof, the same is
worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from yarl import URL

from listener.cli.client import TIMEOUT, Client, Json, answer_of, read_object, target_path
from listener.cli.exits import Failed, Unreachable
from listener.cli.phrases import image as shown_image
from listener.matching import Shown
from listener.model.base import utc_now
from listener.model.reference import BadReference, Reference, parse_reference
from listener.model.tag_policy import TagPolicy
from listener.model.view import TargetView
from listener.providers import NotUnderstood, Request
from listener.web.hooks import Door, Hooks
from listener.web.intake import take_in
from listener.web.receiver import TEST_HEADER
from listener.web.verdicts import shown_reasons


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a sample: images that were understood, and each target with its reason.

    `ignored` and `targets` are in the shape of a hook's answer. `away` says why the targets are not
    known, where they are not.
    """

    understood: list[str]
    ignored: list[Json]
    targets: list[Json]
    away: Unreachable | None = None

    @property
    def hits(self) -> bool:
        """Whether the push is for any target."""
        return any(one["matches"] for one in self.targets)


def read_image(text: str) -> Reference:
    """The image that a person names, ``latest`` where there is no tag; raises BadReference."""
    found = parse_reference(text)
    if found.tag is None and found.digest is not None:
        raise BadReference(f"{text!r} has no tag: registries tell of tags, like {found.name}:v1")
    return Reference(found.registry, found.repository, found.tag or "latest", found.digest)


async def image_of(client: Client, door: Door, hooks: Hooks, target: str | None) -> Reference:
    """The image of a target, or of the first one that the hook may speak for.

    Raises Failed where there is none, and what the client raises.
    """
    path = "targets" if target is None else target_path(target)
    problem = "there are no targets"
    for entry in (await client.get(path))["targets"]:
        name = f"{entry['name']}@{entry['host']}"
        image = _image(entry)
        if image is None:
            problem = f"{name}: {entry['reason'] or 'it follows no tag'}"
        elif target is not None:
            return image
        else:
            objection = door.objection(door.provider, image.resolve(hooks.aliases), image)
            if objection is None:
                return image
            problem = f"{name}: {objection}"
    raise Failed(f"{problem}; name an image with --image, like registry.example.com/team/web:v1")


def _image(entry: Json) -> Reference | None:
    """What a target runs under the tag that it follows, or that it runs."""
    policy = _policy(entry["policy"])
    tag = (policy.exact if policy else None) or entry["tag"]
    if not tag or entry["state"] == "invalid":
        return None
    return parse_reference(shown_image({"image": entry["image"], "tag": tag}))


async def send(request: Request, url: str, server: str) -> Trial:
    """Asks the hook itself; raises Unreachable, or Failed with its sentence where it refuses."""
    hint = "start `listener run` or `listener serve`, or name its port with --url"
    headers = {**request.headers, TEST_HEADER: "1"}
    whole = URL(url, encoded=True)
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        status, raw = await answer_of(
            http, "POST", whole, server, hint, data=request.body, headers=headers
        )
    answer = read_object(raw)
    if answer is None:
        raise Unreachable(f"{server} answered {status}, but not as a listener's port for hooks")
    if status >= 400:
        raise Failed(
            f"the hook refused it ({status}): {answer.get('error')}{_REASONS.get(status, '')}"
        )
    targets = answer.get("targets", [])
    images = dict.fromkeys(map(shown_image, targets))
    return Trial(list(images), answer.get("ignored", []), targets)


_REASONS = {
    401: "; the server has other secrets than this configuration",
    403: "; `allow_cidrs` may let nobody in from here",
    404: "; the server has another configuration than this one",
}
"""What a refusal means to somebody who took the hook's settings from the configuration."""


def work_out(
    door: Door, hooks: Hooks, request: Request, targets: list[Json], away: Unreachable | None
) -> Trial:
    """What the hook would make of a request that is proved; raises Failed."""
    provider = door.provider.concrete(request)
    try:
        parsed = provider.parse(request, door.sender)
    except NotUnderstood as problem:
        raise Failed(f"the sample is not understood: {problem}") from None
    intake = take_in(door, provider, parsed, hooks.aliases, utc_now())
    pushes = [push for push, _ in intake.pushes]
    shown = Shown(map(_view, targets))
    found: list[Json] = [
        {
            "image": push.image,
            "tag": push.tag,
            "target": f"{view.name}@{view.host}",
            "matches": reason is None,
            "reason": reason,
        }
        for push in pushes
        for view, reason in shown.explained(push)
    ]
    images = [shown_image({"image": push.image, "tag": push.tag}) for push in pushes]
    ignored: list[Json] = [*shown_reasons([*intake.ignored, *intake.forbidden])]
    return Trial(images, ignored, found, away)


def _view(entry: Json) -> TargetView:
    """A target of the API as workers publish it, as far as matching asks."""
    return TargetView(
        name=entry["name"],
        host=entry["host"],
        driver=entry["driver"],
        image=entry["image"],
        policy=_policy(entry["policy"]),
        state=entry["state"],
        reason=entry["reason"],
    )


def _policy(text: str | None) -> TagPolicy | None:
    """The policy that the API writes as a tag, or as its kind and its value."""
    if text is None:
        return None
    kind, blank, value = text.partition(" ")
    return TagPolicy.model_validate({kind: value} if blank else text)
