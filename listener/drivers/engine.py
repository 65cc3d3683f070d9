"""The Docker engine: the one module that knows aiodocker.

Calls go through the query of aiodocker rather than through its objects, because those lack some
calls (update), add a tag to a pull that has a digest, and end a stream quietly when the
connection breaks. Containers and images are named by id or name; answers are the API's own JSON.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from listener.drivers.container_calls import ContainerCalls
from listener.drivers.errors import Conflict, EngineAway, EngineError, EngineStuck, NotFound
from listener.drivers.identity import identity, is_podman, numbers
from listener.drivers.image_calls import ImageCalls
from listener.drivers.service_calls import ServiceCalls
from listener.drivers.unshown import Looks, is_shown
from listener.drivers.wire import PING, Call, Filters, filter_params, json_lines

NEWEST_API = (1, 51)
"""The last API that shows a MAC address only where a user set it; newer ones are not tried."""

Guard = Callable[[], Awaitable[None]]
"""Returns while this process may change the engine, and raises where it no longer may."""

_SCHEMES = ("unix://", "tcp://", "http://", "https://")
_CONNECT = 10.0
_IDLE_EVENTS = 300.0
_NO_CONNECTION = 900  # aiodocker's own status
_REFUSED = 400
_UNAVAILABLE = 503
_PROXY_SAYS_AWAY = 502
_LATE = 504  # what a proxy says where it waits less long than we do
_LOOKS = ("GET", "HEAD")
_INFO = Call("GET", "info")


class Engine(ContainerCalls, ImageCalls, ServiceCalls):
    """One engine, reached by a URL: ``unix:///path``, ``tcp://host:port``, ``https://…``.

    `connect` first. Every call raises EngineAway where no answer came, and EngineError (NotFound,
    Conflict) where the engine refused. After EngineAway from a change: look whether it was made.
    `guard`, once set, is asked before each change. An engine that was upgraded meanwhile is agreed
    with anew; where it is another one than before, `exchanged` is set and it counts as away.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.api: tuple[int, int] = (0, 0)
        self.engine_id = ""
        self.version = ""
        self.name = ""
        self.os = ""
        self.architecture = ""
        self.containerd_store = False
        self.cgroup_v2 = False
        self.guard: Guard | None = None
        self.exchanged = asyncio.Event()
        self._id = ""
        self._agreed = False
        self._agreeing = asyncio.Lock()
        self._client: Docker | None = None
        self._looks = Looks(self)

    async def connect(self) -> None:
        """Agrees on an API version and learns who the engine is; may be called again.

        Raises EngineError where this engine no longer speaks any version known here.
        """
        if self._client is None:
            self._client = self._make_client()
        try:
            version, info = await self._greet(self._client)
        except BaseException:
            await self.close()
            raise
        self.engine_id = self._id = identity(version, info)
        self.exchanged.clear()
        self._learn(version, info)

    async def _greet(self, client: Docker) -> tuple[dict[str, Any], dict[str, Any]]:
        """Agrees on an API version; what the engine says of its version and of itself."""
        version = await self.json(Call("GET", "version", versioned=False))
        self.api = self._agree(version)
        client.api_version = f"v{self.api[0]}.{self.api[1]}"
        # Not sent like other calls: those wait until this has an answer.
        async with self._exchange(client, _INFO) as response:
            return version, await response.json()

    def _learn(self, version: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        self.version = version.get("Version", "")
        self.podman = is_podman(version)
        self.os = version.get("Os", "")
        self.architecture = version.get("Arch", "")
        self.name = info.get("Name", "")
        self.containerd_store = any(
            "io.containerd.snapshotter.v1" in pair for pair in info.get("DriverStatus") or ()
        )
        self.cgroup_v2 = info.get("CgroupVersion") == "2"
        self._agreed = True

    async def _agree_again(self, client: Docker) -> None:
        """Agrees with an engine that was upgraded or downgraded since `connect`."""
        async with self._agreeing:
            if self._agreed:
                return
            try:
                version, info = await self._greet(client)
            except EngineError as problem:
                # A newer version of this program goes on with what is under way.
                raise EngineAway(str(problem)) from problem
            if identity(version, info) != self._id:
                self.exchanged.set()
                raise EngineAway(f"Another engine than before answers at {self.url}")
            self._learn(version, info)

    def _make_client(self) -> Docker:
        if not self.url.startswith(_SCHEMES):
            raise EngineAway(
                f"{self.url} is not the address of an engine: write unix:///var/run/docker.sock "
                "or tcp://host:2375"
            )
        # The version is agreed on before the first call that carries one.
        return Docker(url=self.url, api_version="v1.24")

    def _agree(self, version: Mapping[str, Any]) -> tuple[int, int]:
        api = min(numbers(version.get("ApiVersion")), NEWEST_API)
        lowest = version.get("MinAPIVersion")
        if lowest and api < numbers(lowest):
            raise EngineError(
                400,
                f"The engine at {self.url} speaks API {lowest} and newer, this program up to "
                f"{NEWEST_API[0]}.{NEWEST_API[1]}: a newer version of this program is needed",
            )
        return api

    async def close(self) -> None:
        """Closes every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def inspect_image(self, ref: str) -> dict[str, Any]:
        """Everything about one image, by id, ``repo:tag`` or ``repo@digest``."""
        image = await super().inspect_image(ref)
        if self.containerd_store and not is_shown(image):
            return await self._looks.completed(image)
        return image

    async def inspect_digest(self, repository: str, digest: str) -> dict[str, Any]:
        """The image that a registry has under a digest; raises NotFound where it is not here."""
        try:
            return await self.inspect_image(f"{repository}@{digest}")
        except NotFound:
            if not self.containerd_store:
                raise
            # Pulled by its tag it has no name with the digest there, but the digest for an id.
            return await self.inspect_image(digest)

    async def info(self) -> dict[str, Any]:
        """What ``docker info`` shows."""
        return await self.json(_INFO)

    async def events(
        self,
        filters: Filters | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Events as they happen; from `since` on and to `until` (Unix times) where given.

        Ends when the engine ends the stream, when the connection breaks and after five minutes
        without any event: then call again. Raises EngineAway where the engine is out of reach.
        Events get lost on the way; what `inspect_container` says counts.
        """
        params = filter_params(filters)
        if since is not None:
            params["since"] = f"{since:.9f}"
        if until is not None:
            params["until"] = f"{until:.9f}"
        await self.ping()
        call = Call("GET", "events", params=params, seconds=None, idle=_IDLE_EVENTS)
        try:
            async with self.send(call) as response:
                async for event in json_lines(response):
                    yield event
        except EngineAway:
            return

    @asynccontextmanager
    async def send(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """Makes the request; every call that may change something asks the guard first."""
        client = self._client
        if client is None:
            raise EngineAway(f"The engine at {self.url} is not connected")
        if call.versioned and not self._agreed:
            await self._agree_again(client)
        if call.method not in _LOOKS and self.guard is not None:
            await self.guard()
        async with self._exchange(client, call) as response:
            yield response

    @asynccontextmanager
    async def _exchange(self, client: Docker, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request and its answer; the one place where faults are translated."""
        try:
            async with client._query(
                call.path,
                call.method,
                params=dict(call.params),
                data=_data(call),
                headers=dict(call.headers),
                timeout=aiohttp.ClientTimeout(
                    total=call.seconds, sock_connect=_CONNECT, sock_read=call.idle
                ),
                versioned_api=call.versioned,
            ) as response:
                try:
                    yield response
                finally:
                    response.close()
        except DockerError as fault:
            late = fault.status == _LATE
            raise await self._late(call) if late else self._refusal(fault) from fault
        except TimeoutError as fault:
            raise await self._late(call) from fault
        except (aiohttp.ClientError, OSError, json.JSONDecodeError) as fault:
            if call.method == "HEAD" and isinstance(fault, json.JSONDecodeError):
                # A refusal without the text that aiodocker wants to read: it may be of our version.
                await self.info()
                raise NotFound(404, f"no such thing: {call.path}") from fault
            raise EngineAway(
                f"The connection to the engine at {self.url} broke: {_cause(fault)}"
            ) from fault

    async def _late(self, call: Call) -> EngineAway:
        seconds = call.seconds or call.idle or 0.0
        said = (
            f"The engine at {self.url} gave no answer to {call.method} {call.path} "
            f"within {seconds:g} s"
        )
        if call.path != PING.path:
            with suppress(EngineAway, EngineError):
                await self.ping()
                return EngineStuck(f"{said}, though it answers other calls", seconds)
        return EngineAway(said)

    def _refusal(self, fault: DockerError) -> Exception:
        if fault.status == _NO_CONNECTION:
            cause = _cause(fault.__context__ or fault)
            return EngineAway(f"The engine at {self.url} does not answer: {cause}")
        said = fault.message.strip()
        if fault.status == _REFUSED and "client version" in said:
            self._agreed = False
            return EngineAway(f"The engine at {self.url} speaks another API now: {said}")
        # A proxy before an engine that is away answers with a page of its own.
        if fault.status == _PROXY_SAYS_AWAY or (fault.status == _UNAVAILABLE and said[:1] == "<"):
            return EngineAway(
                f"The engine behind {self.url} does not answer: status {fault.status}"
            )
        kinds = {404: NotFound, 409: Conflict}
        return kinds.get(fault.status, EngineError)(fault.status, said)


def _data(call: Call) -> str | io.BytesIO | None:
    if call.content is not None:
        return io.BytesIO(call.content)
    return None if call.body is None else json.dumps(call.body)


def _cause(fault: BaseException) -> str:
    if isinstance(fault, aiohttp.ClientConnectorError):
        return fault.os_error.strerror or str(fault.os_error)
    return str(fault) or type(fault).__name__
