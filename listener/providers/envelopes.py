"""CloudEvents 1.0 over HTTP: what wraps an event, taken off. No I/O.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
and, for the two JSON forms, formats/json-format.md beside it. An event comes in one of three modes:
binary (its attributes in `ce-*` headers, the body is the data), structured
(``application/cloudevents+json``, one object) and batched (``application/cloudevents-batch+json``,
a list of them). Relays tend to say ``application/json`` of the last two, so these are known by
their shape.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from listener.providers.events import NotUnderstood, Request
from listener.providers.outcomes import all_or_none
from listener.providers.payload import (
    document_at,
    form_field,
    load_body,
    load_json,
    part,
    shape,
    shown,
)

_PREFIX = "ce-"
_MEDIA_TYPE = "application/cloudevents"


class CloudEvent(NamedTuple):
    """One event: its attributes by lower-case name, and the JSON value it carries, None for none.

    `attributes` hold `specversion` and `type` at least, foreign text all of them.
    """

    attributes: Mapping[str, str]
    data: object


def media_type(request: Request) -> str:
    """The type of the body in lower case and without parameters; empty where none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_or_form(request: Request, expected: str) -> bytes:
    """The JSON of a body that is it, or a form with it in the field `payload`."""
    if media_type(request) == "application/x-www-form-urlencoded":
        return form_field(request.body, "payload", expected)
    return request.body


def says_cloud_events(request: Request) -> bool:
    """Whether the headers say that the request is one or more CloudEvents, in any mode."""
    return "ce-specversion" in request.headers or media_type(request).startswith(_MEDIA_TYPE)


def cloud_events(request: Request, expected: str) -> list[CloudEvent]:
    """The events of a request in any mode; `expected` opens the sentence of its NotUnderstood.

    Data that is not JSON is not understood; a batch is taken whole or not at all.
    """
    if "ce-specversion" in request.headers and not media_type(request).startswith(_MEDIA_TYPE):
        data = load_body(request, expected) if request.body.strip() else None
        return [_checked(_from_headers(request.headers), data, expected)]
    value = load_body(request, expected)
    if not isinstance(value, list):
        return [structured(value, expected)]
    events = []
    for position, entry in enumerate(all_or_none(value), start=1):
        try:
            events.append(structured(entry, expected))
        except NotUnderstood as problem:
            raise NotUnderstood(f"number {position} of the batch: {problem}") from None
    return events


def structured(value: object, expected: str) -> CloudEvent:
    """The event of one object of the JSON format; raises NotUnderstood.

    Bytes in `data_base64` are taken for JSON, as all data here is.
    """
    if not isinstance(value, dict) or "specversion" not in value:
        raise NotUnderstood(f"expected {expected}, got {shape(value)}")
    attributes = {
        name: part(text if isinstance(text, str) else str(text))
        for name, text in value.items()
        if name not in ("data", "data_base64") and _is_attribute(text)
    }
    data = value.get("data")
    if data is None and "data_base64" in value:
        data = load_json(_decoded(document_at(value, "data_base64").strip(), expected), expected)
    return _checked(attributes, data, expected)


def _is_attribute(value: object) -> bool:
    # An integer has 32 bits there; one with thousands of digits takes long to write.
    return isinstance(value, str) or (isinstance(value, int) and value.bit_length() <= 64)


def _from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    # What is no printable ASCII is percent-encoded (§3.1.3.2 of the binding).
    return {
        name.lower().removeprefix(_PREFIX): part(unquote(part(value)))
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }


def _decoded(text: str, expected: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and text beyond ASCII raises it itself
        raise NotUnderstood(f"expected {expected}, got data_base64 that is no base64") from None


def _checked(attributes: dict[str, str], data: object, expected: str) -> CloudEvent:
    version = attributes.get("specversion", "")
    if not version.startswith("1."):
        raise NotUnderstood(f"expected {expected}, got CloudEvents of version {shown(version)}")
    if not attributes.get("type"):
        raise NotUnderstood(f"expected {expected}, got a CloudEvent without a type")
    return CloudEvent(attributes, data)
