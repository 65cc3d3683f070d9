"""Tells GitHub of deployments: https://docs.github.com/rest/deployments.

Each deployment here is one there, found again by its id, so that telling it twice is as good as
once. Whoever can push an image chooses its labels: these choose one of the repositories that the
token may write to, on the server of the configuration, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import aiohttp

from listener import __version__
from listener.config.notifier import Notifier
from listener.model.deployment import Source, State
from listener.model.notice import Notice
from listener.notify.faults import NotTaken

_WITHIN = aiohttp.ClientTimeout(total=15, connect=5)
_REPOSITORY = re.compile(r"(?:git\+)?(?:https?|ssh|git)://(?:[^/@]+@)?([^/:]+)(?::\d+)?/(.+)")
_SCP = re.compile(r"[^/@]+@([^/:]+):(.+)")
_NAME = r"(?!\.{1,2}/|\.{1,2}$)[\w.-]{1,100}"
_FULL_NAME = re.compile(rf"{_NAME}/{_NAME}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_STATES = {
    State.SUCCEEDED: "success",
    State.ROLLED_BACK: "failure",
    State.FAILED: "failure",
    State.ROLLBACK_FAILED: "error",
    State.SUPERSEDED: "inactive",
    State.SKIPPED: "inactive",
}
_LONGEST_DESCRIPTION = 140
_PAGE = 100
_AGAIN = (401, 408, 429)


def repository_of(source: Source | None, host: str) -> str | None:
    """``owner/name`` where a source is a commit of a repository on `host`, else None."""
    if source is None or not _REVISION.fullmatch(source.revision):
        return None
    match = _REPOSITORY.fullmatch(source.url) or _SCP.fullmatch(source.url)
    if match is None or match[1].lower() != host:
        return None
    name = match[2].rstrip("/").removesuffix(".git")
    return name if _FULL_NAME.fullmatch(name) else None


class GitHub:
    """A deployment and its statuses; nothing where the image names no commit."""

    def __init__(self, notifier: Notifier) -> None:
        token = notifier.token.get_secret_value() if notifier.token else ""
        self._notifier = notifier
        self._api = notifier.github_api
        self._http = aiohttp.ClientSession(
            timeout=_WITHIN,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": f"listener/{__version__}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    async def send(self, notice: Notice, link: str | None) -> None:
        """Makes the deployment unless it is there, and adds the status."""
        repository = repository_of(notice.source, self._notifier.github_host)
        if repository is None or notice.source is None:
            return
        environment = self._notifier.environment.format(target=notice.target, host=notice.host)
        revision, place = notice.source.revision, f"repos/{repository}/deployments"
        number = await self._find(place, notice, environment, revision)
        if number is None:
            number = await self._create(place, notice, environment, revision)
        status: dict[str, Any] = {
            "state": _STATES.get(notice.state, "in_progress"),
            "description": (notice.reason or "")[:_LONGEST_DESCRIPTION],
        }
        if link is not None:
            status["log_url"] = link
        await self._ask("POST", f"{place}/{number}/statuses", body=status)

    async def _find(
        self, place: str, notice: Notice, environment: str, revision: str
    ) -> int | None:
        wanted = {"sha": revision, "environment": environment, "per_page": str(_PAGE)}
        for one in await self._ask("GET", place, params=wanted):
            payload = one.get("payload")
            if isinstance(payload, dict) and payload.get("listener") == notice.deployment:
                return int(one["id"])
        return None

    async def _create(self, place: str, notice: Notice, environment: str, revision: str) -> int:
        body = {
            "ref": revision,
            "environment": environment,
            "description": f"{notice.target} on {notice.host}, by {notice.trigger.value}"[
                :_LONGEST_DESCRIPTION
            ],
            "payload": {"listener": notice.deployment, "digest": notice.to_digest},
            # It is under way: nothing is to be merged for it, or waited for.
            "auto_merge": False,
            "required_contexts": [],
        }
        return int((await self._ask("POST", place, body=body))["id"])

    async def _ask(
        self, method: str, place: str, *, params: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        name = self._notifier.name
        try:
            # Only what the configuration names is called: a redirect might lead anywhere.
            async with self._http.request(
                method, self._api / place, params=params, json=body, allow_redirects=False
            ) as answer:
                if answer.status < 300:
                    return await answer.json()
                raise NotTaken(
                    f"{name} answered {answer.status} to {method} {place}", final=_final(answer)
                )
        except TimeoutError:
            raise NotTaken(f"{name} does not answer within {_WITHIN.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise NotTaken(f"{name} cannot be reached: {type(problem).__name__}") from None

    async def close(self) -> None:
        """Nothing is sent afterwards."""
        await self._http.close()


def _final(answer: aiohttp.ClientResponse) -> bool:
    """Whether to try it again is of no use, and would only hold up other repositories."""
    limited = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    return answer.status < 500 and answer.status not in _AGAIN and not limited
