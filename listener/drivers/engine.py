"""The Docker engine: every call to its API, and nowhere else.

Calls go through the query of aiodocker rather than through its objects, because those lack some
calls (update), add a tag to a pull that has a digest, and end a stream quietly when the
connection breaks. Containers and images are named by id or name; answers are the API's own JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from listener.drivers.errors import (
    Conflict,
    EngineAway,
    EngineError,
    NotFound,
    PullFault,
    pull_fault,
)
from listener.drivers.output import Output
from listener.model.auth import Auth

NEWEST_API = (1, 51)
"""The last API that shows a MAC address only where a user set it; newer ones are not tried."""

Filters = Mapping[str, Sequence[str]]

_QUICK = 15.0
_CHANGE = 120.0
_KILL_MARGIN = 30.0
_LONGEST_STOP = 3600.0
_IDLE_EVENTS = 300.0
_OUTPUT_LINES = 100
_ALSO_RUNS = {("amd64", "386"), ("arm64", "arm")}


@dataclass(frozen=True, slots=True)
class LayerProgress:
    """How far one layer of a pull is; the numbers are bytes, None where the engine says none."""

    id: str
    status: str
    current: int | None
    total: int | None


OnProgress = Callable[[LayerProgress], None]


class Engine:
    """One engine, reached by a URL: ``unix:///path``, ``tcp://host:port``, ``https://…``.

    `connect` first. Every call raises EngineAway where no answer came, and EngineError (NotFound,
    Conflict) where the engine refused. After EngineAway from a change: look whether it was made.
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
        self._client: Docker | None = None

    async def connect(self) -> None:
        """Agrees on an API version and learns who the engine is; may be called again.

        Raises EngineError where this engine no longer speaks any version known here.
        """
        if self._client is None:
            self._client = self._make_client()
        try:
            version = await self._json("GET", "version", versioned=False)
            self.api = self._agree(version)
            self._client.api_version = f"v{self.api[0]}.{self.api[1]}"
            info = await self.info()
        except BaseException:
            await self.close()
            raise
        self.version = version.get("Version", "")
        self.os = version.get("Os", "")
        self.architecture = version.get("Arch", "")
        self.engine_id = info.get("ID", "")
        self.name = info.get("Name", "")
        self.containerd_store = any(
            "io.containerd.snapshotter.v1" in pair for pair in info.get("DriverStatus") or ()
        )

    def _make_client(self) -> Docker:
        if not self.url.startswith(("unix://", "tcp://", "http://", "https://")):
            raise EngineAway(
                f"{self.url} is not the address of an engine: write unix:///var/run/docker.sock "
                "or tcp://host:2375"
            )
        return Docker(url=self.url, api_version="v1.24", timeout=_within(_QUICK))

    def _agree(self, version: Mapping[str, Any]) -> tuple[int, int]:
        api = min(_api(version.get("ApiVersion")), NEWEST_API)
        lowest = version.get("MinAPIVersion")
        if lowest and api < _api(lowest):
            raise EngineError(
                400,
                f"The engine at {self.url} speaks API {lowest} and newer; "
                f"this program knows up to {NEWEST_API[0]}.{NEWEST_API[1]}: update it",
            )
        return api

    async def close(self) -> None:
        """Closes every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # The engine itself

    async def ping(self) -> None:
        """Raises EngineAway unless the engine answers."""
        await self._done("GET", "_ping", versioned=False)

    async def info(self) -> dict[str, Any]:
        """What ``docker info`` shows."""
        return await self._json("GET", "info")

    async def events(
        self, filters: Filters | None = None, since: float | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Events as they happen, from `since` (Unix time) on where given.

        Ends when the engine ends the stream, when the connection breaks and after five minutes
        without any event: then call again. Events get lost; what `inspect` says counts.
        """
        params = _filtered(filters)
        if since is not None:
            params["since"] = f"{since:.9f}"
        try:
            async with self._call("GET", "events", params=params, timeout=_idle(_IDLE_EVENTS)) as r:
                async for line in _lines(r):
                    yield line
        except EngineAway:
            await self.ping()

    # Containers

    async def list_containers(
        self,
        all: bool = True,
        filters: Filters | None = None,
    ) -> list[dict[str, Any]]:
        """Containers, also those that do not run unless `all` is false."""
        params = {"all": "1" if all else "0", **_filtered(filters)}
        return await self._list("containers/json", params)

    async def inspect_container(self, ref: str) -> dict[str, Any]:
        """Everything about one container, by id or name."""
        return await self._json("GET", f"containers/{_path(ref)}/json")

    async def create_container(
        self, name: str, body: Mapping[str, Any]
    ) -> tuple[str, tuple[str, ...]]:
        """Creates a container; answers its id and the engine's warnings.

        Conflict: the name is taken. NotFound: the image, or something it refers to, is absent.
        """
        answer = await self._json(
            "POST", "containers/create", params={"name": name}, body=body, seconds=_CHANGE
        )
        return str(answer["Id"]), tuple(answer.get("Warnings") or ())

    async def start(self, container: str) -> None:
        """Starts a container; fine where it runs already."""
        await self._done("POST", f"containers/{_path(container)}/start", seconds=_CHANGE)

    async def stop(self, container: str, timeout: int | None = None) -> None:
        """Stops a container; kills it after `timeout` seconds (None: its own stop timeout).

        Fine where it does not run.
        """
        params = {}
        if timeout is None:
            config = (await self.inspect_container(container)).get("Config") or {}
            own = config.get("StopTimeout")
            patience = 10 if own is None else int(own)
        else:
            patience, params = timeout, {"t": str(timeout)}
        # Negative means: wait for ever.
        seconds = patience + _KILL_MARGIN if patience >= 0 else _LONGEST_STOP
        await self._done(
            "POST", f"containers/{_path(container)}/stop", params=params, seconds=seconds
        )

    async def rename(self, container: str, name: str) -> None:
        """Gives a container another name. Conflict: another one has it."""
        await self._done("POST", f"containers/{_path(container)}/rename", params={"name": name})

    async def remove(self, container: str, *, volumes: bool, force: bool) -> None:
        """Removes a container, with its anonymous volumes if `volumes`; fine where it is absent."""
        params = {"v": "1" if volumes else "0", "force": "1" if force else "0"}
        try:
            await self._done(
                "DELETE", f"containers/{_path(container)}", params=params, seconds=_CHANGE
            )
        except NotFound:
            return

    async def update_restart_policy(self, container: str, policy: Mapping[str, Any]) -> None:
        """Sets the restart policy: ``{"Name": "no"}``, ``{"Name": "on-failure", …}``."""
        await self._done(
            "POST", f"containers/{_path(container)}/update", body={"RestartPolicy": dict(policy)}
        )

    async def logs(self, container: str, tail: int = 100) -> list[str]:
        """The last lines of both streams, without control characters.

        EngineError where the container's log driver cannot be read.
        """
        config = (await self.inspect_container(container)).get("Config") or {}
        output = Output(tail, terminal=bool(config.get("Tty")))
        params = {"stdout": "1", "stderr": "1", "tail": str(tail)}
        path = f"containers/{_path(container)}/logs"
        async with self._call("GET", path, params=params, timeout=_within(_QUICK)) as response:
            await output.read(response.content.iter_any())
        return output.lines()

    async def exec(
        self, container: str, command: Sequence[str], timeout: float
    ) -> tuple[int | None, str]:
        """Runs a command inside a container; answers its exit code and the end of its output.

        The exit code is None where the command still runs after `timeout` seconds: the engine
        offers no way to end it.
        """
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        created = await self._json("POST", f"containers/{_path(container)}/exec", body=body)
        path = f"exec/{created['Id']}"
        output = Output(_OUTPUT_LINES, terminal=False)
        try:
            async with asyncio.timeout(timeout):
                await self._run_exec(path, output, timeout)
        except TimeoutError:
            return None, "\n".join(output.lines())
        state = await self._json("GET", f"{path}/json")
        return state.get("ExitCode"), "\n".join(output.lines())

    async def _run_exec(self, path: str, output: Output, timeout: float) -> None:
        # The engine answers on the same connection and closes it when the command ends.
        body = {"Detach": False, "Tty": False}
        patience = _within(timeout + _QUICK)
        async with self._call("POST", f"{path}/start", body=body, timeout=patience) as response:
            await output.read(response.content.iter_any())

    # Networks

    async def connect_network(
        self, network: str, container: str, endpoint: Mapping[str, Any]
    ) -> None:
        """Connects a container to a network with these endpoint settings."""
        body = {"Container": container, "EndpointConfig": dict(endpoint)}
        await self._done("POST", f"networks/{_path(network)}/connect", body=body, seconds=_CHANGE)

    async def disconnect_network(self, network: str, container: str) -> None:
        """Takes a container off a network, running or not."""
        body = {"Container": container, "Force": True}
        await self._done(
            "POST", f"networks/{_path(network)}/disconnect", body=body, seconds=_CHANGE
        )

    # Images

    async def inspect_image(self, ref: str) -> dict[str, Any]:
        """Everything about one image, by id, ``repo:tag`` or ``repo@digest``."""
        return await self._json("GET", f"images/{_path(ref)}/json")

    async def list_images(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """Images, without intermediate ones."""
        return await self._list("images/json", _filtered(filters))

    async def tag_image(self, image: str, repository: str, tag: str) -> None:
        """Makes ``repository:tag`` name this image, whatever it named before."""
        params = {"repo": repository, "tag": tag}
        await self._done("POST", f"images/{_path(image)}/tag", params=params)

    async def untag(self, ref: str) -> bool:
        """Removes one name of an image, and the image where it was the last and nothing uses it.

        False where there is no such name or a container needs it.
        """
        try:
            await self._done("DELETE", f"images/{_path(ref)}", seconds=_CHANGE)
        except (NotFound, Conflict):
            return False
        return True

    async def distribution(self, ref: str, auth: Auth | None) -> dict[str, Any]:
        """What the registry has under this reference, asked by the engine, nothing pulled."""
        return await self._json(
            "GET",
            f"distribution/{_path(ref)}/json",
            headers=_auth_header(ref, auth),
            seconds=30.0,
        )

    async def pull(
        self,
        repository: str,
        digest: str,
        auth: Auth | None,
        on_progress: OnProgress | None = None,
        *,
        stall: float = 120.0,
    ) -> dict[str, Any]:
        """Pulls ``repository@digest`` and answers the image's inspect; one try, no retries.

        Raises PullFault, also where the engine says nothing for `stall` seconds, and EngineAway
        where it cannot be reached at all.
        """
        image = f"{repository}@{digest}"
        await self.ping()
        try:
            await self._stream_pull(repository, digest, auth, on_progress, stall)
            found = await self.inspect_image(image)
        except NotFound as fault:
            # A stream may end without an error and without an image.
            raise pull_fault(image, 404, fault.message) from fault
        except EngineError as fault:
            raise pull_fault(image, fault.status, fault.message) from fault
        except EngineAway as fault:
            raise PullFault("transient", f"The pull of {image} broke off. {fault}") from fault
        self._check_platform(image, found)
        return found

    async def _stream_pull(
        self,
        repository: str,
        digest: str,
        auth: Auth | None,
        on_progress: OnProgress | None,
        stall: float,
    ) -> None:
        async with self._call(
            "POST",
            "images/create",
            params={"fromImage": repository, "tag": digest},
            headers=_auth_header(repository, auth),
            timeout=_idle(stall),
        ) as response:
            async for line in _lines(response):
                detail = line.get("errorDetail") or {}
                message = detail.get("message") or line.get("error")
                if message:
                    raise pull_fault(f"{repository}@{digest}", None, str(message))
                if on_progress is not None and line.get("id"):
                    on_progress(_progress(line))

    def _check_platform(self, image: str, found: Mapping[str, Any]) -> None:
        # Engines take an image of another platform where the reference is no index.
        made_for = found.get("Os") or self.os, found.get("Architecture") or self.architecture
        same = made_for[1] == self.architecture or (self.architecture, made_for[1]) in _ALSO_RUNS
        if made_for[0] != self.os or not same:
            raise PullFault(
                "no_platform",
                f"{image} is made for {'/'.join(made_for)}, "
                f"the engine runs {self.os}/{self.architecture}",
            )

    # The one place where requests are made and errors translated

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout,
        versioned: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._client is None:
            raise EngineAway(f"The engine at {self.url} is not connected")
        try:
            async with self._client._query(
                path,
                method,
                params=params,
                data=None if body is None else json.dumps(body),
                headers=headers,
                timeout=timeout,
                versioned_api=versioned,
            ) as response:
                try:
                    yield response
                finally:
                    response.close()
        except DockerError as fault:
            raise self._refusal(fault) from fault
        except TimeoutError as fault:
            seconds = timeout.total or timeout.sock_read
            raise EngineAway(
                f"The engine at {self.url} gave no answer to {method} {path} within {seconds:g} s"
            ) from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise EngineAway(
                f"The connection to the engine at {self.url} broke: {fault}"
            ) from fault

    def _refusal(self, fault: DockerError) -> Exception:
        if fault.status == 900:
            return EngineAway(f"The engine at {self.url} does not answer: {fault.__context__}")
        kinds = {404: NotFound, 409: Conflict}
        return kinds.get(fault.status, EngineError)(fault.status, fault.message.strip())

    async def _json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = _QUICK,
        versioned: bool = True,
    ) -> dict[str, Any]:
        async with self._call(
            method,
            path,
            params=params,
            body=body,
            headers=headers,
            timeout=_within(seconds),
            versioned=versioned,
        ) as response:
            answer: dict[str, Any] = await response.json()
        return answer

    async def _list(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        async with self._call("GET", path, params=params, timeout=_within(_QUICK)) as response:
            answer: list[dict[str, Any]] = await response.json()
        return answer or []

    async def _done(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float = _QUICK,
        versioned: bool = True,
    ) -> None:
        async with self._call(
            method, path, params=params, body=body, timeout=_within(seconds), versioned=versioned
        ) as response:
            await response.read()


def _within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=10.0)


def _idle(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=seconds)


def _api(text: str | None) -> tuple[int, int]:
    major, _, minor = (text or "1.24").partition(".")
    return int(major), int(minor)


def _path(ref: str) -> str:
    return quote(ref, safe="/:@")


def _filtered(filters: Filters | None) -> dict[str, str]:
    if not filters:
        return {}
    return {"filters": json.dumps({name: list(values) for name, values in filters.items()})}


def _auth_header(image: str, auth: Auth | None) -> dict[str, str]:
    """X-Registry-Auth; an engine that cannot read it goes on anonymously without a word."""
    if auth is None:
        return {}
    first, slash, _ = image.partition("/")
    # Podman refuses a whole URL as the server's address: the bare host it is.
    host = first if slash and ("." in first or ":" in first or first == "localhost") else None
    content = {"serveraddress": host or "docker.io"}
    if auth.identity_token:
        content["identitytoken"] = auth.identity_token
    else:
        content |= {"username": auth.username, "password": auth.password}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(content).encode()).decode()}


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.strip():
            yield json.loads(line)


def _progress(line: Mapping[str, Any]) -> LayerProgress:
    detail = line.get("progressDetail") or {}
    return LayerProgress(
        id=str(line["id"]),
        status=str(line.get("status", "")),
        current=detail.get("current"),
        total=detail.get("total"),
    )
