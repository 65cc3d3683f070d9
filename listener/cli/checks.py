"""What ``listener check`` looks at: settings in, one line for each finding out.

It asks the real things (Redis, engine, registries) and changes none of them: no server is started
and no container touched.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from typing import Literal, NamedTuple

from listener.config import Hook, Settings
from listener.config.notifier import Notifier
from listener.drivers.compose_file import advice
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError, NotFound
from listener.drivers.own import lasting_name
from listener.model.reference import BadReference, parse_reference
from listener.model.target import Target
from listener.registry import Credentials, RegistryFault, Resolver, read_key
from listener.store import (
    EmbeddedError,
    EmbeddedRedis,
    Unavailable,
    connect,
    durability,
    server_binary,
)

State = Literal["ok", "warn", "bad"]

_MIXED = "its containers run different images: the next deployment replaces those that lag behind"
_WITH_RM = (
    "it was started with --rm, so stopping it removes it: a way back creates it again, without"
    " what it wrote outside of volumes; start it without --rm"
)


class CheckLine(NamedTuple):
    """One finding: how it stands, of what, and a sentence."""

    state: State
    subject: str
    text: str


async def check_lines(settings: Settings) -> AsyncIterator[CheckLine]:
    """All findings, each as soon as it is known."""
    yield CheckLine("ok", "configuration", _source(settings))
    yield _admin(settings)
    async for line in _redis(settings):
        yield line
    targets: list[Target] = []
    async for line in _engine(settings, targets):
        yield line
    async for line in _registries(settings, targets):
        yield line
    for name, hook in settings.hooks.items():
        yield _hook(name, hook)
    for notifier in settings.notify:
        yield _notifier(notifier, settings.admin.url)
    for target in targets:
        yield await asyncio.to_thread(_target, target)


def _source(settings: Settings) -> str:
    return str(settings.source) if settings.source else "no file: defaults and labels alone"


def _admin(settings: Settings) -> CheckLine:
    admin = settings.admin
    if admin.token is not None:
        return CheckLine("ok", "admin", f"{admin.listen}, with a token")
    if admin.listen.loopback:
        return CheckLine("ok", "admin", f"{admin.listen}, open to this machine alone")
    text = f"{admin.listen} has no token: it is read-only, and everybody who reaches it reads"
    return CheckLine("warn", "admin", text)


def _notifier(notifier: Notifier, admin_url: str | None) -> CheckLine:
    if notifier.github is not None:
        text = f"told of deployments of its commits, by {notifier.github_api}"
    else:
        kind = "signed webhook" if notifier.webhook else "by Apprise"
        text = f"{kind}, told of {', '.join(notifier.on)}"
    if admin_url is None:
        text += "; without a link, since admin.url does not say how people reach the admin port"
    return CheckLine("ok", f"notify {notifier.name}", text)


async def _redis(settings: Settings) -> AsyncIterator[CheckLine]:
    if settings.redis is not None:
        yield await _durability(settings.redis, "redis")
        return
    try:
        binary = await asyncio.to_thread(server_binary)
        yield CheckLine("ok", "redis", f"embedded: {await _version(str(binary))} ({binary})")
    except EmbeddedError as problem:
        yield CheckLine("bad", "redis", str(problem))
        return
    embedded = EmbeddedRedis(settings.state_dir)
    if embedded.socket.exists():
        yield await _durability(embedded.url, "state_dir")
    else:
        yield _state_dir(settings)


async def _durability(url: str, subject: str) -> CheckLine:
    try:
        store = await connect(url, only_looks=True)
    except (ValueError, Unavailable) as problem:
        return CheckLine("bad", subject, str(problem))
    try:
        found = await durability(store)
    except Unavailable as problem:
        return CheckLine("bad", subject, str(problem))
    finally:
        await store.close()
    if found.durable and not found.findings:
        return CheckLine("ok", subject, f"{store.where} keeps every acknowledged push on disk")
    return CheckLine("warn", subject, f"{store.where}: {'; '.join(found.findings)}")


async def _version(binary: str) -> str:
    """What the server says of itself, such as ``Valkey server v=8.1.1``."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        output, _ = await process.communicate()
    except OSError as problem:
        raise EmbeddedError(f"{binary} cannot be run: {problem.strerror}") from None
    return output.decode(errors="replace").partition(" sha=")[0].strip() or "unknown version"


def _state_dir(settings: Settings) -> CheckLine:
    directory = settings.state_dir
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return CheckLine("ok", "state_dir", f"{directory} can be written")
    text = f"{directory} cannot be written by user {os.getuid()}: set state_dir to one that can"
    return CheckLine("bad", "state_dir", text)


async def _engine(settings: Settings, targets: list[Target]) -> AsyncIterator[CheckLine]:
    """The engine, and into `targets` what it has to deploy."""
    from listener.discovery import Discovery
    from listener.services import Services, cluster_of, host_name

    engine = Engine(settings.engine)
    try:
        await engine.connect()
        api = ".".join(map(str, engine.api))
        text = f"{engine.name}: Docker {engine.version}, API {api}, at {engine.url}"
        yield CheckLine("ok", "engine", text)
        settings = settings.model_copy(update={"host": lasting_name(settings.host, engine.name)})
        # Hosts that share a Redis share the file too: what is absent here may be on another one.
        alone = settings.redis is None
        targets += await Discovery(engine, settings, alone=alone).targets()
        cluster = await cluster_of(engine)
        if cluster is not None:
            yield CheckLine("ok", "swarm", f"{host_name(cluster)}: this engine is a manager of it")
            settings = settings.model_copy(update={"host": host_name(cluster)})
            targets += await Services(engine, settings, alone=alone).targets()
        for target in targets:
            async for line in _warnings(engine, target):
                yield line
        for name in sorted(settings.targets.keys() - {target.name for target in targets}):
            yield CheckLine("warn", f"target {name}", "is not on this host: on another one, maybe")
    except (EngineAway, EngineError) as problem:
        yield CheckLine("bad", "engine", str(problem))
        for name in settings.targets:
            yield CheckLine("warn", f"target {name}", "not looked at: the engine does not answer")
    finally:
        await engine.close()


async def _warnings(engine: Engine, target: Target) -> AsyncIterator[CheckLine]:
    """What is worth knowing of a target before it is deployed."""
    try:
        inspect = await engine.inspect_container(target.container)
    except NotFound:
        return
    subject = f"target {target.name}"
    if inspect["HostConfig"].get("AutoRemove"):
        yield CheckLine("warn", subject, _WITH_RM)
    if target.replicas and not target.image_id and not target.problem:
        yield CheckLine("warn", subject, _MIXED)
    if target.settings.compose is not None and "@" not in target.spelling:
        # Only to look: what is to be written is written by a deployment.
        choice = target.settings.compose.model_copy(update={"write": None})
        if change := advice(choice, inspect, target.spelling):
            yield CheckLine("warn", subject, change)


async def _registries(settings: Settings, targets: Iterable[Target]) -> AsyncIterator[CheckLine]:
    """Every registry that is configured or that a target runs an image of."""
    hosts = {*settings.registries, *_hosts(targets)}
    if not hosts:
        return
    resolver = Resolver(settings.registries, Credentials(settings.registries))
    try:
        for host in sorted(hosts):
            try:
                await resolver.login(host)
                yield CheckLine("ok", f"registry {host}", "answers, and takes the login if any")
            except RegistryFault as problem:
                yield CheckLine("bad", f"registry {host}", str(problem))
    finally:
        await resolver.close()


def _hosts(targets: Iterable[Target]) -> Iterable[str]:
    for target in targets:
        try:
            yield parse_reference(target.image).registry
        except BadReference:
            # The target's own line says what is wrong with it.
            continue


def _hook(name: str, hook: Hook) -> CheckLine:
    if hook.proofs:
        text = f"{hook.provider}, proved by {' and '.join(hook.proofs)}"
        return CheckLine("ok", f"hook {name}", text)
    text = f"{hook.provider}, unauthenticated: whoever reaches it can cause deployments"
    return CheckLine("warn", f"hook {name}", text)


def _target(target: Target) -> CheckLine:
    subject = f"target {target.name}"
    if target.problem:
        return CheckLine("bad", subject, target.problem)
    verify = target.settings.verify
    if verify is not None:
        try:
            read_key(verify.cosign_key)
        except ValueError as problem:
            return CheckLine("bad", subject, f"{problem}: nothing will be deployed")
    follows = f"follows {target.policy}" if target.policy else "follows no tag"
    return CheckLine("ok", subject, f"{target.image}, {follows}, is {target.health}")
