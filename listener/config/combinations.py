"""What no single value shows: keys that exclude, need or contradict each other.

These rules look at the raw contents, so that they speak up along with every other problem; a value
of a wrong type is left to the settings' own validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from listener.config.document import Document, KeyPath
from listener.config.hook_rules import check_hook
from listener.config.quantities import Address, is_name, parse_registry_host
from listener.config.secret_values import SECRETS
from listener.config.settings import Admin, Contents

RUNS = ("container", "compose", "service")
OWN_KEYS = ("image", *RUNS)
"""Keys that make sense for one target only and so have no default."""
_NOT_A_NAME = "use letters, digits, '.', '_' and '-' only, at most 128, and begin with no sign"


def check_combinations(document: Document) -> None:
    """Reports every impossible combination."""
    contents = document.contents
    _ports(document)
    for path, hook in _entries(contents, "hooks"):
        _name(document, path)
        check_hook(document, path, hook)
    _registries(document)
    defaults = contents.get("defaults")
    for key in defaults if isinstance(defaults, dict) else ():
        if key in OWN_KEYS:
            document.report(("defaults", key), "belongs to one target and has no default")
    _targets(document)
    _notifiers(document)


def _entries(
    contents: Mapping[str, object], section: str
) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    entries = contents.get(section)
    if isinstance(entries, dict):
        for name, entry in entries.items():
            if isinstance(entry, dict):
                yield (section, name), entry


def _name(document: Document, path: KeyPath) -> None:
    if not is_name(str(path[-1])):
        document.report(path, f"cannot be a name: {_NOT_A_NAME}")


def _ports(document: Document) -> None:
    admin = document.contents.get("admin")
    given = {
        "public": document.contents.get("listen", Contents().listen),
        "admin": admin.get("listen", Admin().listen) if isinstance(admin, dict) else Admin().listen,
    }
    try:
        public, private = (Address.model_validate(value) for value in given.values())
    except ValidationError:
        return
    if public.collides(private):
        path = ("admin", "listen") if document.has(("admin", "listen")) else ("listen",)
        document.report(
            path,
            f"the admin port ({private}) and the public port ({public}) cannot be the same: "
            "only the public one may be exposed",
        )


def _registries(document: Document) -> None:
    owners: dict[str, str] = {}
    entries = list(_entries(document.contents, "registries"))
    for path, entry in entries:
        host = str(path[-1])
        _claim(document, path, host, host, owners)
        _login(document, path, entry)
    for path, entry in entries:
        aliases = entry.get("aliases")
        for position, alias in enumerate(aliases if isinstance(aliases, list) else ()):
            _claim(document, (*path, "aliases", position), alias, str(path[-1]), owners)


def _claim(
    document: Document, path: KeyPath, name: object, owner: str, owners: dict[str, str]
) -> None:
    try:
        host = parse_registry_host(name)
    except ValueError as problem:
        if len(path) == 2:  # a registry's own name; aliases are the settings' to judge
            document.report(path, str(problem))
        return
    if host in owners:
        document.report(path, f"{host} already names the registry {owners[host]}")
    else:
        owners[host] = owner


def _login(document: Document, path: KeyPath, entry: dict[str, object]) -> None:
    have = {
        secret.key: secret.given(entry)
        for secret in SECRETS
        if secret.section == ("registries", "*")
    }
    for key, other in (("username", "password"), ("password", "username")):
        if have[key] and not have[other]:
            document.report((*path, have[key][0]), f"needs {other} or {other}_file beside it")


_NOT_FOR_SERVICES: dict[tuple[str, ...], tuple[object, ...]] = {
    ("strategy",): ("auto",),
    ("preflight",): (False, "false"),
    ("release",): (),
    ("lifecycle",): ({},),
    ("parallelism",): (1, "1"),
    ("rollout",): (),
    ("health", "http"): (),
    ("health", "tcp"): (),
    ("health", "exec"): (),
}
"""Keys that need the containers at hand, and the values of theirs that ask for nothing."""
_ANYWHERE = "is not for a Swarm service, whose tasks run on any node"


def not_for_services(target: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of a target that a service of a swarm cannot have, each with the reason."""
    for path, harmless in _NOT_FOR_SERVICES.items():
        section: object = target
        for key in path:
            section = section.get(key) if isinstance(section, Mapping) else None
        if section is None or section in harmless:
            continue
        if path[0] in ("strategy", "parallelism", "rollout"):
            yield path, "is for Swarm to say: set it in the service's own update configuration"
        elif path[0] == "health":
            yield path, f"{_ANYWHERE}: give its image or service a health check instead"
        else:
            yield path, _ANYWHERE


def _targets(document: Document) -> None:
    claimed: list[tuple[str, object, str]] = []
    services: dict[tuple[object, ...], str] = {}
    for path, target in _entries(document.contents, "targets"):
        _name(document, path)
        runs = [key for key in RUNS if key in target]
        if not runs:
            document.report(path, "say what runs: give one of container, compose and service")
        for key in runs[1:]:
            document.report((*path, key), f"give either this or {runs[0]}, not both")
        _service(document, path, target, services)
        if "service" in target:
            _swarm(document, path, target)
            for inner, why in not_for_services(target):
                document.report((*path, *inner), why)
        container, host = target.get("container"), target.get("host")
        if not isinstance(container, str):
            continue
        if not is_name(container):
            document.report((*path, "container"), f"{container!r} cannot name a container")
        for name, where, other in claimed:
            if name == container and (where == host or None in (where, host)):
                document.report(
                    (*path, "container"),
                    f"{container} is already the container of target {other} on the same host",
                )
                break
        claimed.append((container, host, str(path[-1])))


def _swarm(document: Document, path: KeyPath, target: dict[str, object]) -> None:
    host = target.get("host")
    if isinstance(host, str) and not host.startswith("swarm-"):
        document.report(
            (*path, "host"),
            "a service is on a swarm and not on one host: leave this out, or give the swarm's name "
            "as `listener hosts` shows it (swarm-…)",
        )


def _service(
    document: Document,
    path: KeyPath,
    target: dict[str, object],
    services: dict[tuple[object, ...], str],
) -> None:
    compose = target.get("compose")
    if not isinstance(compose, dict):
        return
    key = (str(compose.get("project")), str(compose.get("service")), target.get("host"))
    other = services.setdefault(key, str(path[-1]))
    if other != path[-1]:
        document.report((*path, "compose"), f"is already the service of target {other}")


def _notifiers(document: Document) -> None:
    """One server has one entry: two would each be told what is only the other's to take."""
    entries = document.contents.get("notify")
    servers: set[str] = set()
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        server = entry.get("github") if isinstance(entry, dict) else None
        if not isinstance(server, str):
            continue
        if server in servers:
            document.report(
                ("notify", position, "github"),
                f"{server} has an entry already: give one token that may write to all repositories",
            )
        servers.add(server)
