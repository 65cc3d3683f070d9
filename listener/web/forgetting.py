"""Forgetting a host that is gone for good."""

from __future__ import annotations

from aiohttp import web

from listener.store import ALIVE_WITHIN, Archive, Fleet
from listener.web.arguments import did_you_mean, read_query
from listener.web.lookup import Refused


class Forgetting:
    """The DELETE handler over the hosts."""

    def __init__(self, archive: Archive, fleet: Fleet) -> None:
        self._archive = archive
        self._fleet = fleet

    async def host(self, request: web.Request) -> web.Response:
        """200 once nothing is kept of the host; 409 while its worker is alive."""
        read_query(request.query, ())
        asked = request.match_info["name"]
        hosts = {host.name: host for host in await self._archive.hosts()}
        if asked not in hosts:
            near = did_you_mean(asked, sorted(hosts))
            raise Refused(404, f"there is no host {asked!r}{near}")
        if not await self._fleet.forget(hosts[asked]):
            raise Refused(
                409,
                f"{asked} is alive: stop its worker first; a host that went without a word counts "
                f"as alive for {ALIVE_WITHIN:g} s",
            )
        return web.json_response({"host": asked, "forgotten": True})
