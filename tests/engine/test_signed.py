"""Only what is signed with the key reaches the container."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from stories import cli

from listener.demo.app import Release, digest_of
from listener.demo.ship import Api
from listener.demo.world import World
from tests.conftest import MakeWorld

OCI = "application/vnd.oci.image.manifest.v1+json"


def sign(world: World, app: str, digest: str, key: ec.EllipticCurvePrivateKey) -> None:
    """As `cosign sign --key` does it."""
    api, repository = Api(world.registry), world.repository(app)
    critical = {
        "identity": {"docker-reference": ""},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    for content in (payload, b"{}"):
        api._blob(repository, content)
    made = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
    layer = {
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "size": len(payload),
        "digest": digest_of(payload),
        "annotations": {"dev.cosignproject.cosign/signature": made},
    }
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "size": 2,
        "digest": digest_of(b"{}"),
    }
    manifest = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer]}
    tag = digest.replace(":", "-") + ".sig"
    api.manifest(repository, tag, json.dumps(manifest).encode(), OCI)


def test_only_what_is_signed_is_deployed(make_world: MakeWorld, tmp_path: Path) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    file = tmp_path / "cosign.pub"
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    file.write_bytes(key.public_key().public_bytes(*form))
    asks = {"health": {"settle": "1s"}, "verify": {"cosign_key": str(file)}}
    world = make_world(settings={"defaults": asks})
    url = world.begin("web", Release("1"))
    name, before = world.name("web"), world.container("web")["Id"]

    # By hand nobody waits for a signature; forcing it does not help.
    world.push("web", Release("2"), tag="beta")
    assert "is not signed" in cli(world, 1, "deploy", name, "--tag", "beta", "--wait")
    assert "is not signed" in cli(world, 1, "deploy", name, "--tag", "beta", "--force", "--wait")
    sign(world, "web", world.push("web", Release("3"), tag="gamma"), other)
    assert "with that key" in cli(world, 1, "deploy", name, "--tag", "gamma", "--wait")
    assert [one["state"] for one in world.listener.deployments(name)[:3]] == ["failed"] * 3
    assert world.container("web")["Id"] == before

    # Without its key nothing is deployed, and a check says so before anybody pushes.
    kept = file.read_bytes()
    file.unlink()
    assert f"verify.cosign_key: {file} cannot be read: No such file" in cli(world, 1, "check")
    file.write_text("-----BEGIN CERTIFICATE-----")
    assert f"{file} is not a public key in PEM" in cli(world, 1, "check")
    file.write_bytes(kept)

    # A push comes before its signature, and waits for it.
    digest = world.push("web", Release("4"))
    sign(world, "web", digest, key)
    assert world.listener.deployment_of(name, digest)["state"] == "succeeded"
    world.wait_answer(url, "4")
