"""Changes that keep a request near to one: any part of its JSON, its headers, single bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.fuzz.cases import Case

DIGEST = "sha256:" + "4f" * 32
VALUES: tuple[object, ...] = (
    *(None, True, False, 0, -1, 7, 1e308, float("nan"), float("inf"), 10**30, {}, [], [[]]),
    *("", " ", "\ud800", "\x00", "Ä", "\u2028", "a" * 3000, "a/" * 300, "\U0010ffff" * 90),
    *(DIGEST, DIGEST.upper(), "sha512:" + "4f" * 64, "sha256:4f", f"ghcr.io/a/b:1@{DIGEST}"),
    *("2026-03-01T10:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01", "2026-03-01T10:00:00"),
    *(1750000000, -62135596800, 1750000000000, "1750000000", 2**63, 253402300799.9),
    *("https://[::1/v2/", "https://[::1]:5000/v2/", "//[", "http://u:p@h.example:99/", "localhost"),
    *("ghcr.io/a/b:1", "a/b", "a//b", "/a", "a/", "A/B", "docker.io/web", "HTTPS://x.example/a:1"),
    *("push", "PUSH", "published", "created", "CREATED", "INSERT", "delete", "ping", "pushed"),
    *("container", "docker", "1.4.2", "latest", "1 2", "..", "-x", "x" * 128, "x" * 129, "v1\n"),
    *("1.0", "0.3", "com.example.image.updated", "zotregistry.image.updated", "harbor.tag.created"),
    *("Notification", "com.amazon.ecr.image.push", "arn:aws:ecr:eu-west-1:111122223333:repository"),
    *("Microsoft.ContainerRegistry.ImagePushed", "Microsoft.EventGrid.SubscriptionValidationEvent"),
)
KEYS = ("tag", "digest", "specversion", "type", "data", "data_base64", "events", "image", "")
HEADERS = (
    *("content-type", "ce-specversion", "ce-type", "ce-source", "ce-time", "ce-id", "webhook-id"),
    *("x-github-event", "x-gitea-event", "x-gogs-event", "x-forgejo-event", "x-gitlab-event"),
    *("x-nexus-webhook-id", "x-amz-sns-message-type", "x-goog-pubsub-message-id", "ce-%zz"),
)
HEADER_VALUES = (
    *("", " ", "package", "ping", "%41%ff", "\udcff", "a" * 8000, "1.0", "registry_package"),
    *("application/json", "application/cloudevents+json", "application/cloudevents-batch+json"),
    *("application/x-www-form-urlencoded", "rm:repository:component", "Push Hook", "pushed"),
    *("application/vnd.docker.distribution.events.v2+json", "https://h.example/", "harbor.x"),
)
BYTES = (b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b"\\", b"[", b"}", b"%", b"&=")
_FORM = "application/x-www-form-urlencoded"


def mutated(case: Case, random: Random) -> Case:
    """The case with one to three changes; the same for the same random numbers."""
    for _ in range(random.randint(1, 3)):
        kind = random.randrange(10)
        if kind == 0:
            case = replace(case, headers=_headers(case.headers, random))
        elif kind == 1:
            case = replace(case, body=_bytes(case.body, random))
        elif kind == 2:
            case = _hook(case, random)
        else:
            case = replace(case, body=_document(case.body, random, case.headers))
    return case


def _headers(headers: dict[str, str], random: Random) -> dict[str, str]:
    changed = dict(headers)
    if changed and random.random() < 0.4:
        del changed[random.choice(sorted(changed))]
    else:
        own = sorted(changed) or HEADERS
        name = random.choice(own if random.random() < 0.5 else HEADERS)
        changed[name] = random.choice(HEADER_VALUES)
    return changed


def _hook(case: Case, random: Random) -> Case:
    if random.random() < 0.5:
        return replace(case, registry=None if case.registry else "reg.example.test:5000")
    places = {} if case.places else {"docker-hosted": "h.example:8082/a", "local": "h.example"}
    return replace(case, places=places)


def _bytes(body: bytes, random: Random) -> bytes:
    start = random.randint(0, len(body))
    end = min(len(body), start + random.choice((0, 0, 1, 5, 100)))
    return body[:start] + random.choice(BYTES) + body[end:]


def _document(body: bytes, random: Random, headers: dict[str, str]) -> bytes:
    if headers.get("content-type", "").startswith(_FORM):
        try:
            fields = dict(parse_qsl(body.decode()))
            inner = _document(fields["payload"].encode(), random, {})
            return urlencode(fields | {"payload": inner}).encode()
        except (KeyError, UnicodeError):
            return _bytes(body, random)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _bytes(body, random)
    text = json.dumps(_value(value, random))
    if random.random() < 0.05:
        # The same key twice: the last one counts.
        text = text.replace("{", f'{{"{random.choice(KEYS)}": "first", ', 1)
    return text.encode()


def _value(value: Any, random: Random) -> Any:
    """The value with one part of it changed."""
    paths = list(_paths(value))
    path = random.choice(paths)
    if not path:
        return random.choice(([value], [value] * 3, {"events": value}, [value] * 120, _new(random)))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    _part(holder, path[-1], value, random)
    return value


def _part(holder: Any, key: Any, root: Any, random: Random) -> None:
    """Changes what stands under a key of an object or a list."""
    part = holder[key]
    kind = random.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder[key:key] = [part] * random.choice((1, 2, 150))
    elif kind == 1 and isinstance(holder, dict):
        holder[random.choice(KEYS)] = part
    elif kind == 2:
        holder[key] = random.choice(([part], {"a": part}, str(part), [part, part]))
    elif kind == 3:
        other = root
        for step in random.choice(list(_paths(root))):
            other = other[step]
        holder[key] = json.loads(json.dumps(other))
    elif kind == 4 and isinstance(part, str):
        at = random.randint(0, len(part))
        mark = random.choice(("\x00", " ", "/", ":", "@", "é", "\ud83d", "%", ".", "A", "\n"))
        holder[key] = part[:at] + mark + part[at:]
    elif kind <= 6 and isinstance(part, str) and part[:1] in "[{ey" and len(part) > 1:
        holder[key] = _inner(part, random)
    else:
        holder[key] = _new(random)


def _inner(text: str, random: Random) -> str:
    """A text that is a document of its own, maybe in base64, with a part of that changed."""
    if text[0] in "[{":
        return _document(text.encode("utf-8", "replace"), random, {}).decode("utf-8", "replace")
    try:
        document = base64.b64decode(text, validate=True)
    except ValueError:
        return text[: random.randint(0, len(text))]
    return base64.b64encode(_document(document, random, {})).decode()


def _new(random: Random) -> Any:
    return json.loads(json.dumps(random.choice(VALUES)))


def _paths(value: object) -> Iterator[tuple[Any, ...]]:
    waiting: list[tuple[tuple[Any, ...], object]] = [((), value)]
    for path, part in waiting:
        yield path
        if isinstance(part, dict):
            waiting += [((*path, key), inner) for key, inner in part.items()]
        elif isinstance(part, list):
            waiting += [((*path, place), inner) for place, inner in enumerate(part[:200])]
