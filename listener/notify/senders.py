"""One sender for each kind of address. None of them says what is secret in its address."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import aiohttp
from standardwebhooks import Webhook

from listener import __version__
from listener.config.notifier import Notifier
from listener.model.base import utc_now
from listener.model.notice import Notice
from listener.notify.faults import NotTaken
from listener.notify.github import GitHub
from listener.notify.message import as_json, as_text

_WITHIN = aiohttp.ClientTimeout(total=15, connect=5)
_WITHIN_APPRISE = 60.0
_GONE = 410


class Sender(Protocol):
    """Sends one notice; raises NotTaken."""

    async def send(self, notice: Notice, link: str | None) -> None:
        """Returns once the notice was taken."""

    async def close(self) -> None:
        """Nothing is sent afterwards."""


def sender_for(notifier: Notifier) -> Sender:
    """The sender for what an entry of `notify:` names."""
    if notifier.github is not None:
        return GitHub(notifier)
    return _Webhook(notifier) if notifier.webhook else _Apprise(notifier)


class _Webhook:
    """JSON, signed as https://www.standardwebhooks.com describes."""

    def __init__(self, notifier: Notifier) -> None:
        secret = notifier.signing_secret.get_secret_value() if notifier.signing_secret else ""
        whole = secret if secret.startswith("whsec_") else secret.encode()
        self._signer = Webhook(whole)
        self._url = notifier.url.get_secret_value()
        self._name = notifier.name
        self._http = aiohttp.ClientSession(timeout=_WITHIN)

    async def send(self, notice: Notice, link: str | None) -> None:
        body, now = as_json(notice, link), utc_now()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"listener/{__version__}",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(notice.id, now, body.decode()),
        }
        try:
            # Only what the configuration names is called: a redirect might lead anywhere.
            async with self._http.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise NotTaken(f"{self._name} does not answer within {_WITHIN.total:g} s") from None
        except (aiohttp.ClientError, OSError) as problem:
            raise NotTaken(f"{self._name} cannot be reached: {type(problem).__name__}") from None
        if not 200 <= status < 300:
            raise NotTaken(f"{self._name} answered {status}", final=status == _GONE)

    async def close(self) -> None:
        await self._http.close()


class _Apprise:
    """Text to any of the services that Apprise knows, in a thread of its own."""

    def __init__(self, notifier: Notifier) -> None:
        from apprise import Apprise

        # What they log has the address in it.
        for name in ("apprise", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._apprise = Apprise()
        self._apprise.add(notifier.url.get_secret_value())
        self._name = notifier.name
        self._template = notifier.template
        # Not the loop's own threads: one that hangs would keep them from everybody else.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="apprise")

    async def send(self, notice: Notice, link: str | None) -> None:
        title, text = as_text(notice, link, self._template)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_WITHIN_APPRISE):
                taken = await loop.run_in_executor(self._thread, self._notify, title, text)
        except TimeoutError:
            raise NotTaken(f"{self._name} does not answer within {_WITHIN_APPRISE:g} s") from None
        if not taken:
            raise NotTaken(f"{self._name} did not take it")

    def _notify(self, title: str, text: str) -> bool:
        return bool(self._apprise.notify(body=text, title=title))

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
