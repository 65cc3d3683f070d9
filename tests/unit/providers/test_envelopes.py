"""CloudEvents in their three modes."""

from __future__ import annotations

import base64
import json

import pytest
from multidict import CIMultiDict

from listener.providers import NotUnderstood, Request
from listener.providers.envelopes import cloud_events, says_cloud_events

ATTRIBUTES = {
    "specversion": "1.0",
    "id": "7",
    "type": "com.example.image.updated",
    "source": "https://reg.example.test",
}
DATA = {"name": "shop/api", "reference": "1.4.2"}
BINARY = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def read(headers: dict[str, str], body: object) -> list[tuple[object, object]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    events = cloud_events(Request(headers, raw), "a CloudEvent")
    return [(dict(event.attributes), event.data) for event in events]


def test_binary_mode_has_the_attributes_in_headers() -> None:
    assert read({**BINARY, "content-type": "application/json"}, DATA) == [(ATTRIBUTES, DATA)]


def test_headers_are_read_whatever_their_case() -> None:
    headers = CIMultiDict({name.upper(): value for name, value in BINARY.items()})
    (event,) = cloud_events(Request(headers, b"{}"), "a CloudEvent")
    assert dict(event.attributes) == ATTRIBUTES


def test_binary_attributes_are_percent_encoded() -> None:
    ((attributes, _),) = read({**BINARY, "ce-subject": "f%C3%BCr%20alle"}, DATA)
    assert attributes == {**ATTRIBUTES, "subject": "für alle"}


def test_binary_mode_without_a_body_has_no_data() -> None:
    assert read(BINARY, b"") == [(ATTRIBUTES, None)]


def test_structured_mode() -> None:
    assert read(STRUCTURED, {**ATTRIBUTES, "data": DATA}) == [(ATTRIBUTES, DATA)]


def test_structured_mode_is_known_by_its_shape_where_a_relay_changed_the_type() -> None:
    assert read({"content-type": "application/json"}, {**ATTRIBUTES, "data": DATA}) == [
        (ATTRIBUTES, DATA)
    ]


def test_the_content_type_decides_where_a_relay_added_headers() -> None:
    relayed = {**STRUCTURED, "ce-specversion": "1.0", "ce-type": "other", "ce-id": "8"}
    assert read(relayed, {**ATTRIBUTES, "data": DATA}) == [(ATTRIBUTES, DATA)]


def test_extensions_are_attributes_as_text_and_other_values_are_absent() -> None:
    body = {**ATTRIBUTES, "operator": "ci", "sequence": 3, "sampled": [1], "data": DATA}
    ((attributes, _),) = read(STRUCTURED, body)
    assert attributes == {**ATTRIBUTES, "operator": "ci", "sequence": "3"}


def test_data_in_base64() -> None:
    coded = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert read(STRUCTURED, {**ATTRIBUTES, "data_base64": coded}) == [(ATTRIBUTES, DATA)]


@pytest.mark.parametrize("headers", [BATCH, {"content-type": "application/json"}])
def test_a_batch_is_many(headers: dict[str, str]) -> None:
    second = {**ATTRIBUTES, "id": "8"}
    assert read(headers, [{**ATTRIBUTES, "data": DATA}, second]) == [
        (ATTRIBUTES, DATA),
        (second, None),
    ]


def test_an_empty_batch_is_none() -> None:
    assert read(BATCH, []) == []


@pytest.mark.parametrize(
    ("headers", "body", "sentence"),
    [
        ({}, DATA, "expected a CloudEvent, got an object with the keys 'name', 'reference'"),
        (STRUCTURED, b"", "expected a CloudEvent, got an empty body"),
        (STRUCTURED, "text", "expected a CloudEvent, got a text"),
        (
            STRUCTURED,
            {**ATTRIBUTES, "specversion": "0.3"},
            "expected a CloudEvent, got CloudEvents of version '0.3'",
        ),
        (
            STRUCTURED,
            {**ATTRIBUTES, "type": ["a"]},
            "expected a CloudEvent, got a CloudEvent without a type",
        ),
        (
            STRUCTURED,
            {**ATTRIBUTES, "data_base64": "%%"},
            "expected a CloudEvent, got data_base64 that is no base64",
        ),
        (
            STRUCTURED,
            {**ATTRIBUTES, "data_base64": "é\ud800"},
            "expected a CloudEvent, got data_base64 that is no base64",
        ),
        (
            STRUCTURED,
            {**ATTRIBUTES, "data_base64": "AAE="},
            "expected a CloudEvent, got invalid JSON at line 1, column 1",
        ),
        (
            BATCH,
            [ATTRIBUTES, 3],
            "number 2 of the batch: expected a CloudEvent, got the value '3'",
        ),
        (
            {"ce-specversion": "1.0"},
            DATA,
            "expected a CloudEvent, got a CloudEvent without a type",
        ),
        (
            BINARY,
            b"plain words",
            "expected a CloudEvent, got invalid JSON at line 1, column 1",
        ),
    ],
)
def test_what_is_none_is_not_understood(
    headers: dict[str, str], body: object, sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        read(headers, body)
    assert str(refused.value) == sentence


def test_headers_tell_that_it_is_one() -> None:
    for headers in (BINARY, STRUCTURED, BATCH):
        assert says_cloud_events(Request(headers, b""))
    assert not says_cloud_events(Request({"content-type": "application/json"}, b""))
