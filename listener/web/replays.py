"""Doing a push over: the same image once more, as if its registry had called again."""

from __future__ import annotations

from aiohttp import web

from listener.model.base import utc_now
from listener.model.delivery import Delivery, new_delivery_id
from listener.store import Incoming, PushLog
from listener.web.arguments import Nothing, read_body
from listener.web.intake import new_push_id
from listener.web.lookup import Refused


class Replays:
    """The POST handler of replays. What is replayed is the push; no body of a request is kept."""

    def __init__(self, incoming: Incoming, pushes: PushLog) -> None:
        self._incoming = incoming
        self._pushes = pushes

    async def replay(self, request: web.Request) -> web.Response:
        """202 with the new pushes of one push or of all that one delivery brought."""
        read_body(await request.read(), Nothing)
        asked = request.match_info["id"]
        found = await self._incoming.find(asked)
        if not found:
            raise Refused(
                404, f"there is no push {asked!r} to do over: it brought none, or is no longer kept"
            )
        now = utc_now()
        again = [
            push.model_copy(
                update={"id": new_push_id(now), "received_at": now, "replay_of": push.id}
            )
            for push in found
        ]
        delivery = Delivery(
            id=new_delivery_id(now),
            hook=found[0].hook,
            provider=found[0].provider,
            received_at=now,
            code=202,
            outcome="replayed",
            reason=f"{asked} was done over by hand",
            peer=request.remote,
        )
        # Each is new whatever came before, so its own id is what tells it from others.
        pushes = [(push, push.id) for push in again]
        await self._pushes.append(pushes, [(delivery, len(pushes))])
        return web.json_response({"pushes": [push.id for push in again]}, status=202)
