"""What engines say about failed pulls, and what each means; the words are those of real engines."""

from __future__ import annotations

import pytest

from listener.drivers.faults import pull_fault

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.example.com/team/web@{DIGEST}"


@pytest.mark.parametrize(
    ("status", "message", "kind", "repeats"),
    [
        (404, f"manifest for {IMAGE} not found: manifest unknown: …", "not_found", None),
        (404, f'failed to resolve reference "{IMAGE}": {IMAGE}: not found', "not_found", None),
        (
            404,
            "pull access denied for registry.example.com/team/web, repository does not exist or "
            "may require 'docker login': denied: requested access to the resource is denied",
            "denied",
            1,
        ),
        (500, 'Head "https://r/v2/x/manifests/1": no basic auth credentials', "denied", 1),
        (500, "unauthorized: authentication required", "denied", 1),
        (500, "requested access to the resource is denied", "denied", 1),
        (500, "manifest unknown", "not_found", None),
        (500, "repository name not known to registry", "not_found", None),
        (None, "manifest unknown", "transient", 4),
        (500, "unexpected status from HEAD request: 403 Forbidden", "denied", 1),
        (
            None,
            "no matching manifest for linux/amd64 in the manifest list entries",
            "no_platform",
            None,
        ),
        (404, "no match for platform in manifest: not found", "no_platform", None),
        (500, "toomanyrequests: You have reached your pull rate limit", "transient", None),
        (500, "received unexpected HTTP status: 429 Too Many Requests", "transient", None),
        (
            500,
            'Get "http://127.0.0.1:1/v2/": dial tcp: connect: connection refused',
            "transient",
            None,
        ),
        (500, 'Get "https://r/v2/": dial tcp: lookup r: no such host', "transient", None),
        (500, "received unexpected HTTP status: 503 Service Unavailable", "transient", None),
        (None, "unexpected EOF", "transient", None),
        (None, "unknown blob", "transient", 4),
        (None, f"content at https://r/v2/x/blobs/{DIGEST} not found: not found", "transient", 4),
        (None, f"filesystem layer verification failed for digest {DIGEST}", "transient", 2),
        (None, 'failed commit on ref "x": "x" failed size validation: 1 != 2', "transient", 2),
        (
            None,
            "failed to register layer: Error processing tar file(exit status 1): write /x: "
            "no space left on device",
            "disk_full",
            None,
        ),
        (400, "invalid reference format", "final", None),
        (500, 'Get "https://r/v2/": x509: certificate signed by unknown authority', "final", None),
        (500, "http: server gave HTTP response to HTTPS client", "final", None),
        (403, "<html><body><h1>403 Forbidden</h1> administrative rules", "final", None),
    ],
)
def test_words_of_engines(status: int | None, message: str, kind: str, repeats: int | None) -> None:
    fault = pull_fault(IMAGE, status, message)
    assert (fault.kind, fault.repeats) == (kind, repeats)
    assert message in fault.message


def test_after_too_many_requests_there_is_a_longer_pause() -> None:
    fault = pull_fault(IMAGE, 500, "toomanyrequests: slow down")
    assert fault.retry_after is not None
    assert fault.retry_after >= 30


def test_a_repositorys_name_decides_nothing() -> None:
    image = f"registry.example.com/team/unauthorized@{DIGEST}"
    assert pull_fault(image, 404, f"manifest for {image} not found").kind == "not_found"
