"""A registry with one image that does wrong what a test asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from listener.demo.app import Image, digest_of
from listener.demo.ship import MANIFEST, manifest_of


class Misbehaving:
    """Serves its image under every repository; the `on_` hooks may answer in its place."""

    def __init__(self, image: Image) -> None:
        self.host = ""
        self.manifest = manifest_of(image)
        self.digest = digest_of(self.manifest)
        self.blobs = {image.id: image.config} | {x.digest: x.packed for x in image.layers}
        self.layer = image.layers[-1].digest
        """The layer that only this release has."""
        self.asked = asyncio.Event()
        """Set when a manifest was asked for."""
        self.on_manifest: Callable[[], web.Response | None] = lambda: None
        self.on_blob: Callable[[str], web.Response | None] = lambda digest: None
        self.hanging: set[str] = set()
        """Digests of blobs of which only the head is sent."""
        self.released = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answers one request of the engine."""
        kind, _, reference = request.path.rpartition("/")
        if kind.endswith("/manifests"):
            self.asked.set()
            headers = {"Docker-Content-Digest": self.digest, "Content-Type": MANIFEST}
            return self.on_manifest() or web.Response(body=self.manifest, headers=headers)
        if not kind.endswith("/blobs"):
            return web.json_response({})
        if reference in self.hanging:
            return await self._hang(request, reference)
        # A manifest that is not found is asked for among the blobs too.
        blob = self.blobs.get(reference)
        found = web.Response(status=404) if blob is None else web.Response(body=blob)
        return self.on_blob(reference) or found

    async def _hang(self, request: web.Request, digest: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(self.blobs[digest]))})
        await response.prepare(request)
        await self.released.wait()
        return response
