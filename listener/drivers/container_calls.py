"""What is done with containers and their networks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from listener.drivers.errors import Conflict, EngineError, NotFound
from listener.drivers.output import Output
from listener.drivers.wire import CHANGE, QUICK, Call, Filters, Wire, filter_params, path_part

_KILL_MARGIN = 30.0
_LONGEST_STOP = 3600.0
_OUTPUT_LINES = 100
_REMOVAL_LOOKS = 100
_BETWEEN_LOOKS = 0.1
_STAT_HEADER = "X-Docker-Container-Path-Stat"


class ContainerCalls(Wire):
    """The calls about containers; see Wire for what they raise."""

    async def list_containers(
        self,
        all: bool = True,
        filters: Filters | None = None,
    ) -> list[dict[str, Any]]:
        """Containers, also those that do not run unless `all` is false."""
        params = {"all": "1" if all else "0", **filter_params(filters)}
        return await self.json_list(Call("GET", "containers/json", params=params))

    async def inspect_container(self, ref: str) -> dict[str, Any]:
        """Everything about one container, by id or name."""
        return await self.json(Call("GET", f"containers/{path_part(ref)}/json"))

    async def create_container(
        self, name: str, body: Mapping[str, Any], platform: str | None = None
    ) -> tuple[str, tuple[str, ...]]:
        """Creates a container; answers its id and the engine's warnings.

        Without a `platform` an engine with the containerd store takes its own of an image only.

        Conflict: the name is taken. NotFound: the image, or something it refers to, is absent.
        """
        params = {"name": name, **({"platform": platform} if platform else {})}
        answer = await self.json(
            Call("POST", "containers/create", params=params, body=body, seconds=CHANGE)
        )
        return str(answer["Id"]), tuple(answer.get("Warnings") or ())

    async def start(self, container: str) -> None:
        """Starts a container; fine where it runs already."""
        await self.done(Call("POST", f"containers/{path_part(container)}/start", seconds=CHANGE))

    async def stop(self, container: str, timeout: int | None = None) -> None:
        """Stops a container; kills it after `timeout` seconds (None: its own stop timeout).

        Fine where it does not run.
        """
        params: dict[str, str] = {}
        if timeout is None:
            config = (await self.inspect_container(container)).get("Config") or {}
            own = config.get("StopTimeout")
            patience = 10 if own is None else int(own)
        else:
            patience, params = timeout, {"t": str(timeout)}
        # Negative means: wait for ever.
        seconds = patience + _KILL_MARGIN if patience >= 0 else _LONGEST_STOP
        await self.done(
            Call("POST", f"containers/{path_part(container)}/stop", params=params, seconds=seconds)
        )

    async def rename(self, container: str, name: str) -> None:
        """Gives a container another name. Conflict: another one has it."""
        await self.done(
            Call("POST", f"containers/{path_part(container)}/rename", params={"name": name})
        )

    async def remove(self, container: str, *, volumes: bool, force: bool) -> None:
        """Removes a container, with its anonymous volumes if `volumes`; fine where it is absent."""
        params = {"v": "1" if volumes else "0", "force": "1" if force else "0"}
        try:
            await self.done(
                Call("DELETE", f"containers/{path_part(container)}", params=params, seconds=CHANGE)
            )
        except NotFound:
            return
        except Conflict as fault:
            # Someone else, or the container's own --rm, is removing it right now.
            if "already in progress" not in fault.message or not await self.gone(container):
                raise

    async def gone(self, container: str) -> bool:
        """Whether a container that is being removed is gone within some seconds."""
        for _ in range(_REMOVAL_LOOKS):
            try:
                await self.inspect_container(container)
            except NotFound:
                return True
            await asyncio.sleep(_BETWEEN_LOOKS)
        return False

    async def update_restart_policy(self, container: str, policy: Mapping[str, Any]) -> None:
        """Sets the restart policy: ``{"Name": "no"}``, ``{"Name": "on-failure", …}``.

        NotFound: also where it is being removed. Podman 4 has no such call: there a container
        keeps the policy that it was created with.
        """
        path = f"containers/{path_part(container)}/update"
        try:
            await self.done(Call("POST", path, body={"RestartPolicy": dict(policy)}))
        except NotFound:
            if not self.podman:
                raise
            await self.inspect_container(container)
        except Conflict as fault:
            if "marked for removal" in fault.message and await self.gone(container):
                raise NotFound(404, fault.message) from None
            raise

    async def logs(self, container: str, tail: int = 100) -> list[str]:
        """The last lines of both streams, without control characters.

        EngineError where the container's log driver cannot be read.
        """
        config = (await self.inspect_container(container)).get("Config") or {}
        output = Output(tail, terminal=bool(config.get("Tty")))
        params = {"stdout": "1", "stderr": "1", "tail": str(tail)}
        path = f"containers/{path_part(container)}/logs"
        async with self.send(Call("GET", path, params=params)) as response:
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
        created = await self.json(
            Call("POST", f"containers/{path_part(container)}/exec", body=body)
        )
        path = f"exec/{created['Id']}"
        output = Output(_OUTPUT_LINES, terminal=False)
        try:
            async with asyncio.timeout(timeout):
                await self._run_exec(path, output, timeout)
        except TimeoutError:
            return None, "\n".join(output.lines())
        state = await self.json(Call("GET", f"{path}/json"))
        return state.get("ExitCode"), "\n".join(output.lines())

    async def _run_exec(self, path: str, output: Output, timeout: float) -> None:
        # The engine answers on the same connection and closes it when the command ends.
        call = Call(
            "POST", f"{path}/start", body={"Detach": False, "Tty": False}, seconds=timeout + QUICK
        )
        async with self.send(call) as response:
            await output.read(response.content.iter_any())

    async def list_networks(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """Networks with their labels, without the containers on them."""
        return await self.json_list(Call("GET", "networks", params=filter_params(filters)))

    async def inspect_network(self, name: str) -> dict[str, Any]:
        """Everything about one network; ``Containers`` has those on it that run."""
        return await self.json(Call("GET", f"networks/{path_part(name)}"))

    async def changes(self, container: str) -> list[dict[str, Any]]:
        """What a container's file system has that its image has not, mounts left out.

        Each has a Path and a Kind: 0 changed, 1 added, 2 removed.
        """
        path = f"containers/{path_part(container)}/changes"
        return await self.json_list(Call("GET", path, seconds=CHANGE))

    async def file_stat(self, container: str, path: str) -> dict[str, Any]:
        """A file's size in bytes, mtime, and mode as Go writes it (no high bit: a regular file).

        NotFound: there is none.
        """
        call = Call("HEAD", f"containers/{path_part(container)}/archive", params={"path": path})
        async with self.send(call) as response:
            stat: dict[str, Any] = json.loads(base64.b64decode(response.headers[_STAT_HEADER]))
        return stat

    async def read_archive(self, container: str, path: str, limit: int) -> bytes:
        """A file or directory as a tar whose names start with the last part of `path`.

        NotFound: there is none. EngineError: the tar is longer than `limit` bytes.
        """
        call = Call(
            "GET",
            f"containers/{path_part(container)}/archive",
            params={"path": path},
            seconds=CHANGE,
        )
        packed = bytearray()
        async with self.send(call) as response:
            async for part in response.content.iter_any():
                packed += part
                if len(packed) > limit:
                    raise EngineError(413, f"{path} is larger than {limit >> 20} MiB")
        return bytes(packed)

    async def write_archive(self, container: str, packed: bytes) -> None:
        """Unpacks a tar at the root of a container, with owners and modes as it says."""
        call = Call(
            "PUT",
            f"containers/{path_part(container)}/archive",
            # A file does not take the place of a directory, nor a directory that of a file.
            params={"path": "/", "noOverwriteDirNonDir": "1"},
            content=packed,
            headers={"Content-Type": "application/x-tar"},
            seconds=CHANGE,
        )
        await self.done(call)

    async def ensure_internal_network(self, name: str, labels: Mapping[str, str]) -> None:
        """A bridge network without a way out, on which no port is published."""
        body = {"Name": name, "Internal": True, "CheckDuplicate": True, "Labels": dict(labels)}
        try:
            await self.done(Call("POST", "networks/create", body=body, seconds=CHANGE))
        except Conflict:
            return  # it is there

    async def remove_network(self, name: str) -> None:
        """Removes a network; fine where it is absent."""
        try:
            await self.done(Call("DELETE", f"networks/{path_part(name)}", seconds=CHANGE))
        except NotFound:
            return

    async def connect_network(
        self, network: str, container: str, endpoint: Mapping[str, Any]
    ) -> None:
        """Connects a container to a network with these endpoint settings."""
        body = {"Container": container, "EndpointConfig": dict(endpoint)}
        await self.done(
            Call("POST", f"networks/{path_part(network)}/connect", body=body, seconds=CHANGE)
        )

    async def disconnect_network(self, network: str, container: str) -> None:
        """Takes a container off a network, running or not."""
        body = {"Container": container, "Force": True}
        await self.done(
            Call("POST", f"networks/{path_part(network)}/disconnect", body=body, seconds=CHANGE)
        )
