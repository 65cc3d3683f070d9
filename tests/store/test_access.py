"""Redis as others lock it: by password, by TLS, for a user who may do only what is called."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.redis_server import RedisServer
from listener.demo.ports import free_port
from listener.model.base import utc_now
from listener.model.target import Memory, Pause
from listener.store import (
    Archive,
    Changes,
    Fleet,
    Incoming,
    Lease,
    Ledger,
    PushLog,
    Rollouts,
    Store,
    Unavailable,
    connect,
    durability,
)
from tests.unit.trust.trust_senders import RSA_KEY, Authority, certificate, pem

from .conftest import a_push
from .test_keyspace import Worker

ROOT = Path(__file__).parents[2]


class Tls:
    """A server that speaks TLS as well, with a certificate of an authority that nobody knows."""

    def __init__(self, directory: Path) -> None:
        authority = Authority()
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(pem(authority.root))
        own, key = directory / "own.pem", directory / "own.key"
        day = {"since": time.time() - 86_400, "until": time.time() + 86_400}
        own.write_bytes(pem(certificate("localhost", issuer=authority, **day)))
        key.write_bytes(
            RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        self.port = free_port()
        files = ("--tls-cert-file", own, "--tls-key-file", key, "--tls-ca-cert-file", self.ca)
        settings = ("--tls-port", self.port, *files, "--tls-auth-clients", "no")
        self.server = RedisServer(directory, settings=[str(one) for one in settings])


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    found = Tls(tmp_path)
    with found.server:
        yield found


async def append(url: str) -> None:
    store = await connect(url)
    try:
        push = a_push()
        await PushLog(store).append([(push, push.id)])
    finally:
        await store.close()


async def test_tls_with_an_authority_of_ones_own(tls: Tls) -> None:
    await append(f"rediss://localhost:{tls.port}?ssl_ca_certs={tls.ca}")
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await append(f"rediss://localhost:{tls.port}")
    # The certificate is of another name.
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await append(f"rediss://127.0.0.1:{tls.port}?ssl_ca_certs={tls.ca}")


async def test_a_file_of_the_authority_that_is_not_there(tls: Tls) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        await append(f"rediss://localhost:{tls.port}?ssl_ca_certs={tls.ca}.old")


async def test_a_password(redis_server: RedisServer) -> None:
    admin = await connect(redis_server.url)
    await admin.call("CONFIG", "SET", "requirepass", "p@ss word")
    await append(f"redis://:p%40ss%20word@127.0.0.1:{redis_server.port}")
    with pytest.raises(Unavailable, match="refuses: Authentication required"):
        await append(redis_server.url)
    await admin.close()


def documented() -> str:
    """The rules of the user that the operator's page shows."""
    page = (ROOT / "docs" / "redis.md").read_text()
    [rules] = re.findall(r"^user listener on (.+)$", page, re.MULTILINE)
    return str(rules)


async def everything(store: Store) -> None:
    """A long, random life with all that workers, the receiver, the API and `check` call."""
    dice = random.Random(1)
    archive, log, incoming = Archive(store), PushLog(store), Incoming(store)
    lease = Lease(store, "engine", "owner", "h1")
    assert await lease.acquire()
    ledger = Ledger(store, lease, "h1", history=5)
    worker = Worker(ledger, Rollouts(store, lease), archive, log, dice)
    acts = ("receive", "roll", "match", "match", "obey", "ask", "work", "work", "work", "show")
    for _ in range(150):
        await getattr(worker, dice.choice(acts))()
    await ledger.remember("web", Memory())
    await archive.pause("h1", "web", Pause(reason="x", at=utc_now()))
    await archive.resume("h1", "web")
    for record in await archive.deployments(target="web"):
        assert await archive.deployment(record.id)
        await ledger.record(record)
    assert await archive.deployments()
    await archive.newest([("h1", "web")], 1)
    await archive.memory("h1", "web")
    await archive.pauses()
    await archive.queue()
    await archive.hosts()
    await archive.targets()
    assert await incoming.pushes(50)
    [delivery, *_] = await incoming.deliveries(5)
    await incoming.find(delivery.id)
    await ledger.journals()
    await ledger.memory("web")
    await lease.holder()
    await lease.release()
    changes = Changes(store)
    await changes.after(await changes.now(), count=1)
    fleet = Fleet(store)
    [host] = await archive.hosts()
    assert await fleet.alive([host]) == frozenset()
    assert await fleet.forget(host)
    await durability(store)


def called(stats: str) -> set[str]:
    """The commands that a server has done, as ACL rules name them."""
    return set(re.findall(r"^cmdstat_([^:]+):calls=[1-9]", stats, re.MULTILINE))


async def test_the_documented_user_may_do_all_that_is_called_and_no_more(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        admin = await connect(server.url)
        rules = documented().replace(">PASSWORD", ">pw").split()
        await admin.call("ACL", "SETUSER", "listener", "on", *rules)
        await admin.call("DEL", "listener:schema")
        await admin.call("CONFIG", "RESETSTAT")
        store = await connect(f"redis://listener:pw@127.0.0.1:{server.port}/0")
        await everything(store)
        done = called(await admin.call("INFO", "commandstats"))
        assert await admin.call("ACL", "LOG") == []

        allowed = set(re.findall(r"\+(\S+)", documented()))
        # The last is ours, and logging in is everybody's.
        assert done - allowed == {"auth", "config|resetstat"}
        # These are for where there are replicas.
        assert allowed - done == {"eval", "wait"}

        for forbidden in ("KEYS *", "FLUSHALL", "SET other x", "CONFIG SET save x"):
            with pytest.raises(Unavailable, match="refuses"):
                await store.call(*forbidden.split())
        await store.close()
        await admin.close()


def test_no_command_is_called_that_the_documented_user_may_not() -> None:
    sources = [path.read_text() for path in (ROOT / "listener" / "store").glob("*.py")]
    words = r"""["']([A-Z]+)["'](?:,\s*["']([A-Z]+)["'])?"""
    named = re.compile(r"(?:call|add|_execute|[\[*]|\n +)\(\s*" + words)
    found = {
        f"{command}|{word}".lower() for text in sources for command, word in named.findall(text)
    }
    allowed = set(re.findall(r"\+(\S+)", documented()))
    unknown = {one for one in found if not {one, one.partition("|")[0]} & allowed}
    assert len(found) > 20
    assert unknown == {"streams|"}
