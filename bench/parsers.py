"""What the worst requests of a mebibyte cost a provider: time, and memory against plain JSON."""

from __future__ import annotations

import base64
import heapq
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus

from bench.figure import Figure
from listener.model.reference import parse_reference
from listener.providers import MAX_VALUES, PROVIDERS, NotUnderstood, Request, Sender

SIZE = 1024 * 1024
_SUSPECTS = 40
_WEIGHED = 47
_ROUNDS = 9
_HERE = "\N{REPLACEMENT CHARACTER}"
_FORM = "application/x-www-form-urlencoded"
_IMAGE = parse_reference("registry.example.com/team/web:v1")

_LETTERS = ("a", "-", "a/", "a.b-", "v1 ", "/", ":", "@", "%41", "\\u0000", "\\ud800", "€", "😀")
"""JSON texts are made of these, over and over."""
_NUMBERS = ("1e-300", "28375671788e-286", "9" * 4300, "NaN", "-0.1")
_ELEMENTS = ("{}", "[]", "[[]]", '{"":0}', "0", '""', '"v1"', "null", *_NUMBERS)
"""Lists are made of these, as many as make a mebibyte, and as many as are read."""


@dataclass(frozen=True)
class Hostile:
    """A request for one provider; `documents` are the JSON texts in it, from the outermost in."""

    provider: str
    what: str
    request: Request
    documents: tuple[bytes, ...]

    def parse(self) -> None:
        """What an authenticated request goes through."""
        fresh = Request(self.request.headers, self.request.body)
        provider = PROVIDERS[self.provider].concrete(fresh)
        with suppress(NotUnderstood):
            provider.parse(fresh, Sender("registry.example.com"))

    def seconds(self, rounds: int = 1) -> float:
        """The shortest of some rounds: other work on the machine only adds."""
        return min(_timed(self.parse) for _ in range(rounds))

    def memory(self) -> float:
        """The peak as a multiple of what reading the documents one by one takes."""
        own = sum(_peak(partial(_loaded, one)) for one in self.documents)
        return _peak(self.parse) / own


def hostile(provider: str, request: Request, size: int = SIZE) -> Iterator[Hostile]:
    """Each part of a good request's JSON in turn, blown up in every way, and in every envelope."""
    value = json.loads(request.body)
    for where, template in _templates(value):
        for what, filling in _fillings(size - len(template)):
            document = template.replace(f'"{_HERE}"', filling, 1).encode()
            yield Hostile(provider, f"{where} = {what}", request_of(request, document), (document,))
    for envelope, wrap in _ENVELOPES.get(provider, {}).items():
        for what, filling in _fillings(int(size * 0.7)):
            yield _wrapped(provider, envelope, what, filling.encode(), wrap)


def measure(directory: Path) -> list[Figure]:
    """The slowest request, and the one that takes the largest multiple of JSON's own memory."""
    del directory
    slow: list[tuple[float, Hostile]] = []
    heavy: list[tuple[float, Hostile]] = []
    count = 0
    for name, provider in PROVIDERS.items():
        for one in hostile(name, provider.sample(_IMAGE)):
            count += 1
            slow.append((one.seconds(), one))
            if count % _WEIGHED == 0:
                heavy.append((one.memory(), one))
            # All of them would be gigabytes.
            slow = _largest(slow, _SUSPECTS)
            heavy = _largest(heavy, 1)
    slowest = max(((one.seconds(_ROUNDS), one) for _, one in slow), key=_first)
    heaviest = heavy[0]
    return [
        Figure(
            "parsers: the slowest request of 1 MiB",
            slowest[0] * 1000,
            "ms",
            f"of {count:,}: {slowest[1].provider}, {slowest[1].what}",
            most=50,
        ),
        Figure(
            "parsers: peak memory against json.loads",
            heaviest[0],
            "×",
            f"of {count // _WEIGHED:,}: {heaviest[1].provider}, {heaviest[1].what}",
            most=3,
        ),
    ]


def request_of(like: Request, body: bytes) -> Request:
    """A request with the headers of another."""
    return Request(like.headers, body)


def _templates(value: object) -> Iterator[tuple[str, str]]:
    """The JSON text with a mark in place of each of its parts, and the name of that part."""
    yield "the body", json.dumps(_HERE, ensure_ascii=False)
    for path in _paths(value):
        copy = json.loads(json.dumps(value))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = _HERE
        yield ".".join(map(str, path)), json.dumps(copy, ensure_ascii=False)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def _fillings(room: int) -> Iterator[tuple[str, str]]:
    """JSON texts of about this many bytes."""
    for letters in _LETTERS:
        yield f"text of {letters}", f'"{letters * ((room - 2) // len(letters.encode()))}"'
    for element in _ELEMENTS:
        yield f"list of {element[:20]}", _list(element, (room - 2) // (len(element) + 1))
        few = MAX_VALUES - 100
        padded = f"{element}{' ' * max(0, room // few - len(element) - 1)}"
        values = 1 + element.count("[") + element.count("{")
        fits = min(few // values, (room - 2) // (len(padded) + 1))
        yield f"list of {element[:20]}, few enough", _list(padded, fits)
    yield "nested lists", "[" * 900 + "]" * 900
    keys = (f'"{number:x}":{{}}' for number in range(MAX_VALUES // 2 - 100))
    yield "keys", f"{{{','.join(keys)}}}"


def _list(element: str, count: int) -> str:
    return f"[{','.join([element] * count)}]"


_Wrap = Callable[[bytes], Request]


def _cloud_event(data: bytes) -> Request:
    event = {"specversion": "1.0", "type": "com.example.image.updated", "id": "1", "source": "a"}
    body = json.dumps(event | {"data_base64": base64.b64encode(data).decode()})
    return Request({"content-type": "application/cloudevents+json"}, body.encode())


def _form(headers: Mapping[str, str]) -> _Wrap:
    def wrapped(data: bytes) -> Request:
        form = b"payload=" + quote_plus(data).encode()[: SIZE - 8]
        return Request({**headers, "content-type": _FORM}, form)

    return wrapped


def _pubsub(data: bytes) -> Request:
    message = {"data": base64.b64encode(data).decode(), "messageId": "1"}
    return Request({}, json.dumps({"message": message, "subscription": "a"}).encode())


def _sns(data: bytes) -> Request:
    message = {"Type": "Notification", "TopicArn": "a", "Message": data.decode()}
    return Request({}, json.dumps(message, ensure_ascii=False).encode())


def _sns_of_cloud_event(data: bytes) -> Request:
    return _sns(_cloud_event(data[: SIZE // 2]).body)


_CLOUD_EVENT: dict[str, _Wrap] = {"data_base64": _cloud_event}
_ENVELOPES: dict[str, dict[str, _Wrap]] = {
    "acr": _CLOUD_EVENT,
    "auto": {**_CLOUD_EVENT, "SNS": _sns, "Pub/Sub": _pubsub},
    "cloudevents": _CLOUD_EVENT,
    "ecr": {**_CLOUD_EVENT, "SNS": _sns, "CloudEvent in SNS": _sns_of_cloud_event},
    "gar": {"Pub/Sub": _pubsub},
    "gitea": {"form": _form({"x-gitea-event": "package"})},
    "github": {"form": _form({"x-github-event": "package"})},
    "harbor": _CLOUD_EVENT,
    "zot": _CLOUD_EVENT,
}


def _wrapped(provider: str, envelope: str, what: str, data: bytes, wrap: _Wrap) -> Hostile:
    request = wrap(data)
    outer = () if request.headers.get("content-type") == _FORM else (request.body,)
    return Hostile(provider, f"{envelope} with {what}", request, (*outer, data))


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak(work: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _loaded(document: bytes) -> None:
    with suppress(ValueError, RecursionError):
        json.loads(document)


def _largest(found: list[tuple[float, Hostile]], count: int) -> list[tuple[float, Hostile]]:
    return heapq.nlargest(count, found, key=_first)


def _first(pair: tuple[float, Hostile]) -> float:
    return pair[0]
