"""Whatever comes, a provider reads it or says what it is not: no other exception, no odd image."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listener.model.reference import is_digest, is_tag, make_reference
from listener.providers import PROVIDERS, NotUnderstood, Request, Sender

DIGEST = "sha256:" + "4f" * 32
HEADERS = {
    "github": {"x-github-event": "package", "x-github-delivery": "1-2-3"},
    "gitea": {"x-gitea-event": "package"},
    "nexus": {"x-nexus-webhook-id": "rm:repository:component"},
}
NAMES = sorted(PROVIDERS)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
texts = st.sampled_from(
    [DIGEST, "2026-03-01T10:00:00Z", "9999-12-31T23:59:59-14:00", "https://[::1/v2/", "", "\ud800"]
) | st.sampled_from(
    [
        "push",
        "published",
        "container",
        "shop/api",
        "1.4.2",
        "ghcr.io/a/b:1",
        "//[",
        "Ä",
        "reg.example.test:5000",
        "application/vnd.oci.image.index.v1+json",
    ]
)
keys = st.sampled_from(
    [
        "events",
        "action",
        "target",
        "mediaType",
        "tag",
        "repository",
        "digest",
        "url",
        "request",
        "host",
        "actor",
        "name",
        "id",
        "timestamp",
        "push_data",
        "repo_name",
        "pushed_at",
        "pusher",
        "package",
        "package_version",
        "package_url",
        "container_metadata",
        "manifest",
        "owner",
        "login",
        "sender",
        "package_type",
        "image",
        "registry",
        "artifact",
        "created_at",
        "specversion",
        "type",
        "data",
        "eventType",
        "version",
        "html_url",
        "repo_full_name",
        "region",
        "event_data",
        "resources",
        "resource_url",
        "docker_url",
        "updated_tags",
        "source",
        "detail",
        "detail-type",
        "action-type",
        "repository-name",
        "image-tag",
        "Type",
        "Message",
        "message",
        "component",
        "format",
        "domain",
        "event_type",
        "repo_key",
        "image_name",
        "reference",
        "data_base64",
    ]
)
anything = st.recursive(
    scalars | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=6)
        | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=40,
)


def check(name: str, body: bytes) -> None:
    request = Request(HEADERS.get(name, {}), body)
    try:
        parsed = PROVIDERS[name].parse(request, Sender("reg.example.test"))
    except NotUnderstood:
        return
    assert parsed.events or parsed.ignored
    for event in parsed.events:
        image = event.image
        assert image.tag is not None or image.digest is not None
        assert image.tag is None or is_tag(image.tag)
        assert image.digest is None or is_digest(image.digest)
        assert make_reference(image.registry, image.repository, image.tag, image.digest) == image
        assert event.occurred_at is None or event.occurred_at.utcoffset() is not None
        assert event.actor is None or event.actor.isprintable()


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=200))
@example(body=b"\x00")
@example(body=b'{"events": [1e400]}')
def test_any_bytes_are_parsed_or_not_understood(name: str, body: bytes) -> None:
    check(name, body)


@pytest.mark.parametrize("name", NAMES)
@given(value=anything)
def test_any_json_is_parsed_or_not_understood(name: str, value: object) -> None:
    check(name, json.dumps(value).encode())


TEMPLATES = {
    "acr": lambda a, b, c, d: [
        {
            "eventType": "Microsoft.ContainerRegistry.ImagePushed",
            "data": {
                "action": "push",
                "target": {
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "repository": a,
                    "tag": b,
                    "digest": c,
                },
                "request": {"host": d},
                "timestamp": d,
                "id": a,
            },
        },
        {
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": d},
        },
    ],
    "aliyun": lambda a, b, c, d: {
        "push_data": {"tag": b, "digest": c, "pushed_at": d},
        "repository": {"repo_full_name": a, "region": d if a == c else "cn-hangzhou"},
    },
    "artifactory": lambda a, b, c, d: {
        "domain": "docker",
        "event_type": "pushed",
        "data": {"repo_key": a, "image_name": d, "path": c, "tag": b, "sha256": c},
        "jpd_origin": d,
        "source": c,
    },
    "cloudevents": lambda a, b, c, d: [
        {
            "specversion": "1.0",
            "type": "pushed",
            "id": a,
            "source": b,
            "time": d,
            "data": {"registryUrl": d, "repositoryName": a, "imageTag": b, "imageDigest": c},
        },
        {"specversion": "1.0", "type": "pushed", "id": c, "data_base64": d},
    ],
    "distribution": lambda a, b, c, d: {
        "events": [
            {
                "action": "push",
                "target": {
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "repository": a,
                    "tag": b,
                    "digest": c,
                    "url": d,
                },
                "timestamp": d,
                "id": a,
                "actor": {"name": c},
            }
        ]
    },
    "dockerhub": lambda a, b, c, d: {
        "repository": {"repo_name": a},
        "push_data": {"tag": b, "pushed_at": c, "pusher": d},
    },
    "ecr": lambda a, b, c, d: [
        {
            "source": "aws.ecr",
            "detail-type": "ECR Image Action",
            "account": "111122223333",
            "region": d if a == c else "eu-west-1",
            "time": d,
            "id": a,
            "detail": {
                "action-type": "PUSH",
                "result": "SUCCESS",
                "repository-name": a,
                "image-tag": b,
                "image-digest": c,
            },
        },
        {
            "specversion": "1.0",
            "type": "com.amazon.ecr.image.push",
            "source": d,
            "data": {"repositoryName": a, "imageTag": b, "imageDigest": c, "registryId": d},
        },
    ],
    "gar": lambda a, b, c, d: {
        "message": {
            "data": base64.b64encode(
                json.dumps({"action": "INSERT", "tag": b, "digest": c}).encode()
            ).decode(),
            "messageId": a,
            "publishTime": d,
        }
    },
    "generic": lambda a, b, c, d: {"image": a, "tag": b, "digest": c, "registry": d},
    "gitea": lambda a, b, c, d: {
        "action": "created",
        "package": {
            "type": "container",
            "name": a,
            "version": b,
            "owner": {"login": "shop"},
            "html_url": d,
            "created_at": c,
        },
        "sender": {"login": d},
    },
    "github": lambda a, b, c, d: {
        "action": "published",
        "package": {
            "package_type": "container",
            "name": a,
            "owner": {"login": d},
            "package_version": {
                "package_url": a,
                "name": c,
                "created_at": d,
                "container_metadata": {"tag": {"name": b, "digest": c}},
            },
        },
    },
    "harbor": lambda a, b, c, d: {
        "type": "PUSH_ARTIFACT",
        "occur_at": d,
        "operator": c,
        "event_data": {
            "resources": [{"tag": b, "digest": c, "resource_url": d}, {"tag": d}, a],
            "repository": {"repo_full_name": a},
        },
    },
    "nexus": lambda a, b, c, d: {
        "timestamp": d,
        "initiator": c,
        "repositoryName": d,
        "action": "CREATED",
        "component": {"format": "docker", "name": a, "version": b},
    },
    "quay": lambda a, b, c, d: {"docker_url": d, "repository": a, "updated_tags": [b, c, a]},
    "zot": lambda a, b, c, d: {
        "specversion": "1.0",
        "type": "zotregistry.image.updated",
        "id": a,
        "source": d,
        "time": c,
        "data": {"name": a, "reference": b, "digest": c},
    },
}
TEMPLATES["gitlab"] = TEMPLATES["distribution"]
TEMPLATES["auto"] = TEMPLATES["acr"]


@pytest.mark.parametrize("name", NAMES)
@given(parts=st.tuples(*[scalars | texts] * 4))
def test_any_parts_in_the_right_places(name: str, parts: tuple[object, ...]) -> None:
    check(name, json.dumps(TEMPLATES[name](*parts)).encode())
