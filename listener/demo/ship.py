"""Three ways to push an image: straight to the registry's API, with docker, with skopeo."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listener.demo import http
from listener.demo.app import Image, digest_of
from listener.demo.engine import Engine, EngineTrouble
from listener.demo.process import program
from listener.demo.registry import Registry

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class PushTrouble(Exception):
    """A registry or a tool refused a push; the message is what it said."""


def manifest_of(image: Image) -> bytes:
    """The manifest that describes an image (schema 2)."""
    described = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(image.config), "digest": image.id},
        "layers": [
            {"mediaType": _LAYER, "size": len(layer.packed), "digest": layer.digest}
            for layer in image.layers
        ],
    }
    return json.dumps(described).encode()


@dataclass(frozen=True)
class Api:
    """Pushes over the registry's HTTP API: a few milliseconds, and no engine sees the image."""

    registry: Registry

    def push(self, repository: str, tag: str, image: Image) -> str:
        """Uploads what is missing and the manifest; returns its digest."""
        for content in (image.config, *(layer.packed for layer in image.layers)):
            self._blob(repository, content)
        return self.manifest(repository, tag, manifest_of(image), MANIFEST)

    def push_index(self, repository: str, tag: str, images: Sequence[tuple[str, Image]]) -> str:
        """Uploads a multi-platform image, (architecture, image) each; returns its digest."""
        entries: list[dict[str, Any]] = []
        for architecture, image in images:
            for content in (image.config, *(layer.packed for layer in image.layers)):
                self._blob(repository, content)
            manifest = manifest_of(image)
            digest = digest_of(manifest)
            self.manifest(repository, digest, manifest, MANIFEST)
            platform = {"architecture": architecture, "os": "linux"}
            entries.append(
                {
                    "mediaType": MANIFEST,
                    "size": len(manifest),
                    "digest": digest,
                    "platform": platform,
                }
            )
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        return self.manifest(repository, tag, json.dumps(index).encode(), INDEX)

    def manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Puts one manifest under a tag or digest; returns its digest."""
        url = f"http://{self.registry.host}/v2/{repository}/manifests/{reference}"
        _expect(201, self._send("PUT", url, content, media_type))
        return digest_of(content)

    def _blob(self, repository: str, content: bytes) -> None:
        digest = digest_of(content)
        base = f"http://{self.registry.host}/v2/{repository}/blobs"
        if self._send("HEAD", f"{base}/{digest}").status == 200:
            return
        begun = _expect(202, self._send("POST", f"{base}/uploads/", b""))
        place = begun.headers["location"]
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        _expect(201, self._send("PUT", url, content, "application/octet-stream"))

    def _send(
        self, method: str, url: str, body: bytes | None = None, media_type: str | None = None
    ) -> http.Answer:
        headers = {"Content-Type": media_type} if media_type else {}
        if self.registry.auth:
            pair = ":".join(self.registry.auth).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return http.request(method, url, body, headers, timeout=30)


def docker_push(engine: Engine, registry: Registry, repository: str, tag: str, image: Image) -> str:
    """`docker load` and `docker push`, as a build machine does; returns the digest."""
    name = f"{registry.host}/{repository}:{tag}"
    engine.docker("load", feed=image.archive(name))
    said = engine.docker("push", name)
    digest = next((word for word in said.split() if word.startswith("sha256:")), None)
    if digest is None:
        raise EngineTrouble(f"docker push {name}: it names no digest: {said.strip()}")
    return digest


def skopeo_copy(registry: Registry, repository: str, tag: str, image: Image) -> str:
    """`skopeo copy` from an archive, without any engine; returns the digest."""
    name = f"{registry.host}/{repository}:{tag}"
    with tempfile.TemporaryDirectory() as directory:
        archive, digest = Path(directory) / "image.tar", Path(directory) / "digest"
        archive.write_bytes(image.archive(name))
        done = subprocess.run(
            [
                *(program("skopeo"), "copy", "--quiet", "--dest-tls-verify=false"),
                *("--insecure-policy", "--digestfile", str(digest)),
                *(["--dest-creds", ":".join(registry.auth)] if registry.auth else []),
                *(f"docker-archive:{archive}", f"docker://{name}"),
            ],
            capture_output=True,
            env=dict(os.environ),
            check=False,
        )
        if done.returncode:
            raise PushTrouble(done.stderr.decode(errors="replace").strip())
        return digest.read_text().strip()


def _expect(status: int, answer: http.Answer) -> http.Answer:
    if answer.status != status:
        raise PushTrouble(f"the registry answered {answer.status}: {answer.text.strip()}")
    return answer
