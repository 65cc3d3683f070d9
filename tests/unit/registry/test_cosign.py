"""Signatures as cosign lays them into a real registry, under both of its layouts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from listener.demo.app import Release, build, digest_of
from listener.demo.registry import Registry
from listener.demo.ship import Api
from listener.model.reference import Reference
from listener.registry import NotSigned, Resolver, check_signed, read_key

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
KEY = ec.generate_private_key(ec.SECP256R1())


def payload_of(digest: str, **critical: Any) -> bytes:
    said = {
        "identity": {"docker-reference": "127.0.0.1/team/web"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
        **critical,
    }
    return json.dumps({"critical": said, "optional": None}).encode()


class Shelf:
    """A repository with one image, and the hand that signs it."""

    def __init__(self, registry: Registry) -> None:
        self.api = Api(registry)
        self.image = Reference(registry.host, "team/web")
        self.digest = self.api.push("team/web", "v1", build(Release("1"), {}))

    def signature(self, payload: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
        """The manifest of one signature, whose blobs are uploaded."""
        self.api._blob("team/web", payload)
        self.api._blob("team/web", b"{}")
        signed = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
        layer = {
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "size": len(payload),
            "digest": digest_of(payload),
            "annotations": {"dev.cosignproject.cosign/signature": signed},
        }
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": digest_of(b"{}"),
        }
        manifest = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer]}
        return json.dumps(manifest).encode()

    def by_tag(self, manifest: bytes) -> None:
        self.api.manifest("team/web", self.digest.replace(":", "-") + ".sig", manifest, OCI)

    def by_referrers(self, manifest: bytes) -> None:
        where = digest_of(manifest)
        self.api.manifest("team/web", where, manifest, OCI)
        entry = {
            "mediaType": OCI,
            "size": len(manifest),
            "digest": where,
            "artifactType": ARTIFACT,
        }
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        tag = self.digest.replace(":", "-")
        self.api.manifest("team/web", tag, json.dumps(index).encode(), INDEX)

    async def check(self, key: ec.EllipticCurvePublicKey | None = None) -> None:
        resolver = Resolver({}, Nobody())
        try:
            await check_signed(resolver, self.image, self.digest, key or KEY.public_key())
        finally:
            await resolver.close()


class Nobody:
    async def for_host(self, host: str) -> None:
        return None


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Registry(tmp_path) as running:
        yield Shelf(running)


@pytest.mark.parametrize("lay", [Shelf.by_tag, Shelf.by_referrers])
async def test_a_signature_counts_under_both_layouts(
    shelf: Shelf, lay: Callable[[Shelf, bytes], None]
) -> None:
    with pytest.raises(NotSigned, match=r"is not signed: .*/team/web has no sig"):
        await shelf.check()
    lay(shelf, shelf.signature(payload_of(shelf.digest)))
    await shelf.check()
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(NotSigned, match="none of the 1 signatures"):
        await shelf.check(other.public_key())


async def test_what_was_signed_must_be_this_image(shelf: Shelf) -> None:
    strangers = [
        payload_of("sha256:" + "0" * 64),
        payload_of(shelf.digest, type="something else"),
        b"no json",
        b"[]",
    ]
    for payload in strangers:
        shelf.by_tag(shelf.signature(payload))
        with pytest.raises(NotSigned, match="none of the"):
            await shelf.check()
    # A signature of another payload, with the right one named beside it.
    good = json.loads(shelf.signature(payload_of(shelf.digest)))
    bad = json.loads(shelf.signature(payload_of("sha256:" + "0" * 64)))
    good["layers"][0]["annotations"] = bad["layers"][0]["annotations"]
    shelf.by_tag(json.dumps(good).encode())
    with pytest.raises(NotSigned, match="none of the"):
        await shelf.check()
    # A good one beside a bad one is enough.
    right = json.loads(shelf.signature(payload_of(shelf.digest)))
    right["layers"] = bad["layers"] + right["layers"]
    shelf.by_tag(json.dumps(right).encode())
    await shelf.check()


def test_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    form, file = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), tmp_path / "cosign.pub"
    with pytest.raises(ValueError, match=r"cosign\.pub cannot be read: No such file"):
        read_key(file)
    file.write_bytes(KEY.public_key().public_bytes(*form))
    assert read_key(file) == KEY.public_key()
    file.write_bytes(b"-----BEGIN CERTIFICATE-----")
    with pytest.raises(ValueError, match="not a public key in PEM"):
        read_key(file)
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        file.write_bytes(key.public_key().public_bytes(*form))
        with pytest.raises(ValueError, match="ECDSA P-256"):
            read_key(file)
