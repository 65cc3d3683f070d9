"""A target from the labels of a container: ``listener.enable=true`` and any key of a target."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from pydantic import ValidationError

from listener.config.combinations import RUNS, not_for_services
from listener.config.document import KeyPath
from listener.config.load import merged
from listener.config.sentences import explain
from listener.model.target import ComposeService, TargetSettings

PREFIX = "listener."
ENABLE = "listener.enable"
SCOPE = "listener.scope"
COPY = "listener.copy"
"""What to copy into the next container; the swap reads it, and it is no key of a target."""
_NO_KEYS = (ENABLE, SCOPE, COPY)
_OURS = ("listener.pin", "listener.twin")
"""Labels that the program itself gives to what it makes."""
_LISTS: frozenset[KeyPath] = frozenset(
    {
        ("health", "exec"),
        ("release",),
        ("lifecycle", "before_stop"),
        ("lifecycle", "after_start"),
    }
)


class LabelError(ValueError):
    """What is wrong with a container's labels: every problem, joined to one text."""


def is_enabled(labels: Mapping[str, str], scope: str | None = None) -> bool:
    """Whether the labels make a target of their container; raises LabelError if unclear.

    A listener with a scope takes only the containers that name it, one without only those that
    name none: so two of them can share an engine.
    """
    if labels.get(SCOPE) != scope:
        return False
    value = labels.get(ENABLE, "false")
    if value not in ("true", "false"):
        raise LabelError(f"{ENABLE}: must be true or false, not {value!r}")
    return value == "true"


def settings_from_labels(
    runs: str | ComposeService,
    labels: Mapping[str, str],
    defaults: TargetSettings,
    *,
    swarm: bool = False,
) -> TargetSettings:
    """The settings of the target that a container, by its name, or a service makes of itself.

    With `swarm` the name is that of a service of a swarm. Labels that are not this program's are
    left alone. Raises LabelError with one sentence for each problem.
    """
    problems: list[str] = []
    try:
        is_enabled(labels, labels.get(SCOPE))
    except LabelError as problem:
        problems.append(str(problem))
    said = _nested(labels, problems)
    choice = _choice(said, runs)
    for key in RUNS:
        if said.pop(key, None) is not None:
            what = "service" if swarm else "container"
            problems.append(f"{PREFIX}{key}: the labelled {what} itself is what runs")
    if swarm:
        problems += [f"{PREFIX}{'.'.join(key)}: {why}" for key, why in not_for_services(said)]
    try:
        named = {"service" if swarm else "container": runs}
        own = named if isinstance(runs, str) else {"compose": choice}
        settings = merged(defaults, said | own)
    except ValidationError as error:
        problems += [
            f"{_spell(details['loc'], labels)}: {explain(details, TargetSettings, None)}"
            for details in error.errors(include_url=False)
        ]
    if problems:
        raise LabelError("; ".join(problems))
    return settings


def _choice(said: dict[str, object], runs: str | ComposeService) -> dict[str, object]:
    """The service, and what its labels say of its project's files, taken out of `said`."""
    if isinstance(runs, str):
        return {}
    own, about = runs.model_dump(), said.get("compose")
    if isinstance(about, dict) and not own.keys() & about.keys():
        del said["compose"]
        return own | about
    return own


def _nested(labels: Mapping[str, str], problems: list[str]) -> dict[str, object]:
    """Dotted labels as nested keys; two labels that contradict each other are a problem."""
    said: dict[str, object] = {}
    for label in sorted(labels):
        if not label.startswith(PREFIX) or label in _NO_KEYS or label.startswith(_OURS):
            continue
        path = tuple(label.removeprefix(PREFIX).split("."))
        section = said
        for depth, part in enumerate(path[:-1], 1):
            inner = section.setdefault(part, {})
            if not isinstance(inner, dict):
                outer = PREFIX + ".".join(path[:depth])
                problems.append(f"{label}: contradicts {outer}: remove one of them")
                break
            section = inner
        else:
            section[path[-1]] = _value(label, path, labels[label], problems)
    return said


def _value(label: str, path: KeyPath, text: str, problems: list[str]) -> object:
    if path not in _LISTS:
        return text
    try:
        words = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except (ValueError, RecursionError) as problem:
        problems.append(f"{label}: is neither a JSON list nor words of a shell: {problem}")
        return ["-"]
    return words


def _spell(path: KeyPath, labels: Mapping[str, str]) -> str:
    """The label that a path came from, else the nearest dotted name."""
    for length in range(len(path), 0, -1):
        label = PREFIX + ".".join(str(part) for part in path[:length])
        if label in labels:
            return label
    return PREFIX + ".".join(str(part) for part in path)
