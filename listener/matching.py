"""Which targets a push is for, and why not the others: pure."""

from __future__ import annotations

from collections.abc import Iterable

from listener.model.push import Push
from listener.model.tag_policy import TagPolicy
from listener.model.target import Target
from listener.model.view import TargetView


def fits(push: Push, image: str, policy: TagPolicy | None) -> str | None:
    """None where a push of this image fits; else the reason why not.

    A push without a tag fits: the registry is asked what the target's own tag means now.
    """
    if push.image != image:
        return f"it runs {image}"
    if policy is None:
        return "it follows no tag"
    if push.tag is not None and not policy.matches(push.tag):
        return f"tag {push.tag} is not what it follows ({policy})"
    return None


def matching(push: Push, targets: Iterable[Target]) -> list[tuple[Target, str | None]]:
    """Every target that runs the pushed repository, with the reason where the push is not for it.

    Targets of other repositories are left out: they have nothing to do with it.
    """
    return [
        (target, target.problem or fits(push, target.image, target.policy))
        for target in targets
        if target.image == push.image
    ]


class Shown:
    """Every published target, those of one image found in one step: a hook asks for each push."""

    def __init__(self, views: Iterable[TargetView] = ()) -> None:
        self._views = list(views)
        self._of: dict[str, list[TargetView]] = {}
        for view in self._views:
            self._of.setdefault(view.image, []).append(view)

    def reached(self, push: Push) -> list[str]:
        """The names of the targets that a push is likely to reach; as `explained` has it."""
        names = {
            view.name
            for view in self._of.get(push.image, ())
            if view.state != "invalid" and fits(push, view.image, view.policy) is None
        }
        return sorted(names)

    def explained(self, push: Push) -> list[tuple[TargetView, str | None]]:
        """Every target, with the reason where a push is likely not to reach it."""
        return [
            (view, view.reason or "its settings are wrong")
            if view.state == "invalid"
            else (view, fits(push, view.image, view.policy))
            for view in self._views
        ]
