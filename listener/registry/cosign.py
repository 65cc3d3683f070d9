"""Signatures that cosign made with a key pair, as they lie beside an image in its registry.

Formats: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, and the referrers of
the OCI Distribution Specification 1.1 with their fallback tag. A signature is a layer: its blob is
what was signed, its annotation the signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from listener.model.reference import Reference, is_digest
from listener.registry.faults import NotFound

# The cryptography is 9 MB in memory, which only those pay for who ask for signatures.
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_ANNOTATION = "dev.cosignproject.cosign/signature"
_PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
_TYPE = "cosign container image signature"
# Whoever may push to the repository may add any number of them.
_MOST = 50


class NotSigned(Exception):
    """No signature of an image was made with the key; the message is a sentence."""


class Reads(Protocol):
    """Reads what a registry has."""

    async def manifest(self, image: Reference, reference: str) -> bytes:
        """A manifest by tag or digest; raises NotFound."""

    async def referrers(self, image: Reference, digest: str) -> bytes:
        """The index of what refers to a digest; raises NotFound."""

    async def blob(self, image: Reference, digest: str) -> bytes:
        """A blob; raises NotFound."""


def read_key(file: Path) -> EllipticCurvePublicKey:
    """The public key of a file such as ``cosign.pub``; raises ValueError with a sentence."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    where = f"verify.cosign_key: {file}"
    try:
        key = load_pem_public_key(file.read_bytes())
    except OSError as problem:
        raise ValueError(f"{where} cannot be read: {problem.strerror}") from None
    except ValueError:
        raise ValueError(f"{where} is not a public key in PEM, as in cosign.pub") from None
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError(  # noqa: TRY004 - as for any other wrong key
            f"{where} is not a key of ECDSA P-256, which cosign makes"
        )
    return key


async def check_signed(
    registry: Reads, image: Reference, digest: str, key: EllipticCurvePublicKey
) -> None:
    """Returns where a signature of this digest was made with the key; raises NotSigned."""
    found = 0
    async for signature, payload_digest in _signatures(registry, image, digest):
        found += 1
        try:
            payload = await registry.blob(image, payload_digest)
        except NotFound:
            continue
        if _made_with(key, signature, payload, payload_digest) and _names(payload, digest):
            return
        if found >= _MOST:
            break
    if found:
        raise NotSigned(f"none of the {found} signatures of {digest} was made for it with that key")
    raise NotSigned(f"{digest} is not signed: {image.name} has no signature of cosign for it")


async def _signatures(
    registry: Reads, image: Reference, digest: str
) -> AsyncIterator[tuple[bytes, str]]:
    """Every signature that is there, with the digest of what it signs; none of them is believed."""
    name = digest.replace(":", "-")
    for manifest in (
        await _read(registry.manifest(image, f"{name}.sig")),
        *[one async for one in _referring(registry, image, digest, name)],
    ):
        for layer in _entries(manifest, "layers"):
            text = (layer.get("annotations") or {}).get(_ANNOTATION)
            blob = layer.get("digest")
            if layer.get("mediaType") != _PAYLOAD or not isinstance(text, str):
                continue
            if isinstance(blob, str) and is_digest(blob):
                try:
                    yield base64.b64decode(text, validate=True), blob
                except binascii.Error:
                    continue


async def _referring(
    registry: Reads, image: Reference, digest: str, name: str
) -> AsyncIterator[dict[str, Any]]:
    index = await _read(registry.referrers(image, digest))
    if not _entries(index, "manifests"):
        # A registry without that call: who pushed the signature kept the list under a tag.
        index = await _read(registry.manifest(image, name))
    for entry in _entries(index, "manifests")[:_MOST]:
        where = entry.get("digest")
        if entry.get("artifactType") == _ARTIFACT and isinstance(where, str) and is_digest(where):
            yield await _read(registry.manifest(image, where))


async def _read(question: Any) -> dict[str, Any]:
    """A JSON object of the registry; an empty one where it has none."""
    try:
        value = json.loads(await question)
    except (NotFound, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _entries(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = document.get(name)
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def _made_with(
    key: EllipticCurvePublicKey, signature: bytes, payload: bytes, payload_digest: str
) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    if f"sha256:{hashlib.sha256(payload).hexdigest()}" != payload_digest:
        return False
    try:
        key.verify(signature, payload, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _names(payload: bytes, digest: str) -> bool:
    """Whether what was signed says that it is of this image."""
    try:
        critical = json.loads(payload)["critical"]
        named = critical["image"]["docker-manifest-digest"]
        return bool(named == digest and critical["type"] == _TYPE)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
