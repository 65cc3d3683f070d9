"""The commands of the API: each becomes an entry that the worker of the target's host takes.

The answer says that it is queued, not that it is done: a host that is away takes it when it is
back. Only a pause holds at once, because workers read it before each deployment.
"""

from __future__ import annotations

from aiohttp import web

from listener.model.base import rfc3339, utc_now
from listener.model.deployment import Deployment, State, Trigger, new_deployment_id
from listener.model.target import Pause
from listener.model.view import TargetView
from listener.store import Archive, Command
from listener.web.arguments import DeployOrder, Nothing, PauseOrder, RollbackOrder, read_body
from listener.web.lookup import Refused, find_deployment, find_target
from listener.web.shapes import Json, deployment_json

_TOO_LATE = (State.SWAPPING, State.WATCHING, State.REVERTING)


class Commands:
    """The POST handlers over one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def deploy(self, request: web.Request) -> web.Response:
        """202 with the id of a new deployment by hand, or of a dry run of one."""
        order = read_body(await request.read(), DeployOrder)
        view = await self._deployable(request)
        # Without a word about which, it is what a push would bring: the worker asks the registry.
        queued = _queued(view, Trigger.MANUAL, order.tag, order.digest)
        asked = {"force": order.force, "dry_run": order.dry_run}
        deployment = queued.model_copy(update=asked)
        return await self._submit(Command(kind="deploy", deployment=deployment))

    async def rollback(self, request: web.Request) -> web.Response:
        """202 with the id of a deployment of an earlier digest."""
        order = read_body(await request.read(), RollbackOrder)
        view = await self._deployable(request)
        # The tag is the one that the digest was deployed under: the worker knows it.
        deployment = _queued(view, Trigger.ROLLBACK, None, order.digest)
        return await self._submit(
            Command(kind="rollback", deployment=deployment, digest=order.digest)
        )

    async def cancel(self, request: web.Request) -> web.Response:
        """200 with a deployment that is not being swapped in; the worker cancels it if it can."""
        read_body(await request.read(), Nothing)
        deployment = await find_deployment(self._archive, request.match_info["id"])
        if deployment.state.final:
            state = deployment.state.value
            raise Refused(409, f"{deployment.id} has ended already: it is {state}")
        if deployment.state in _TOO_LATE:
            state = deployment.state.value
            raise Refused(
                409,
                f"{deployment.id} is {state}, which is not given up half way: wait for its end,"
                f" then `listener rollback {deployment.target}` takes it back",
            )
        command = Command(kind="cancel", deployment=deployment)
        return await self._submit(command, deployment_json(deployment))

    async def approve(self, request: web.Request) -> web.Response:
        """200 with a deployment that still waits; the worker lets it begin."""
        read_body(await request.read(), Nothing)
        deployment = await find_deployment(self._archive, request.match_info["id"])
        if deployment.state not in (State.QUEUED, State.WAITING):
            how = "ended already" if deployment.state.final else "begun already"
            raise Refused(409, f"{deployment.id} has {how}: it is {deployment.state.value}")
        command = Command(kind="approve", deployment=deployment)
        return await self._submit(command, deployment_json(deployment))

    async def pause(self, request: web.Request) -> web.Response:
        """200 with since when and why the target takes no deployments."""
        order = read_body(await request.read(), PauseOrder)
        view = await find_target(self._archive, request.match_info["name"])
        pause = Pause(reason=order.reason or "paused by hand", at=utc_now())
        await self._archive.pause(view.host, view.name, pause)
        return _paused(view, pause)

    async def resume(self, request: web.Request) -> web.Response:
        """200, also where it was not paused."""
        read_body(await request.read(), Nothing)
        view = await find_target(self._archive, request.match_info["name"])
        await self._archive.resume(view.host, view.name)
        return _paused(view, None)

    async def _deployable(self, request: web.Request) -> TargetView:
        view = await find_target(self._archive, request.match_info["name"])
        if view.state == "invalid":
            reason = view.reason or "its settings are wrong"
            raise Refused(409, f"{view.name} cannot be deployed: {reason}")
        return view

    async def _submit(self, command: Command, answer: Json | None = None) -> web.Response:
        """Queues a command; answers with the id of its deployment, or with what is given."""
        deployment = command.deployment
        await self._archive.submit(deployment.host, command)
        if answer is not None:
            return web.json_response(answer)
        return web.json_response({"id": deployment.id}, status=202)


def _queued(view: TargetView, trigger: Trigger, tag: str | None, digest: str | None) -> Deployment:
    now = utc_now()
    return Deployment(
        id=new_deployment_id(now),
        target=view.name,
        host=view.host,
        trigger=trigger,
        image=view.image,
        tag=tag,
        from_digest=view.digest,
        to_digest=digest,
        queued_at=now,
    )


def _paused(view: TargetView, pause: Pause | None) -> web.Response:
    return web.json_response(
        {
            "target": view.name,
            "host": view.host,
            "paused": pause is not None,
            "reason": pause.reason if pause is not None else None,
            "since": rfc3339(pause.at) if pause is not None else None,
        }
    )
