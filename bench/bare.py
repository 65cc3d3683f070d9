"""The yardstick: an aiohttp server that answers 202 and does nothing else."""

from __future__ import annotations

import sys

from aiohttp import web


async def _accept(_: web.Request) -> web.Response:
    return web.Response(status=202)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/hooks/private", _accept)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
