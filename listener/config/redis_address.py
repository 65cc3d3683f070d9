"""Addresses of Redis: what may be written under ``redis:``, and what a Sentinel address says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs")
_LOGIN = ("db", "username", "password")
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
OPTIONS = {
    "redis": _LOGIN,
    "rediss": (*_LOGIN, *_TLS),
    "unix": _LOGIN,
    "redis+sentinel": _SENTINEL_LOGIN,
    "rediss+sentinel": (*_SENTINEL_LOGIN, *_TLS),
}
"""What may stand behind the ``?`` of each kind of address. Others of the library's would break its
limits on time, or its connections at the first use.
"""

_PLAIN = re.compile(r"(rediss?://[^/\s]+(/\S*)?|unix://(\S*@)?/\S+)")
_HOST = re.compile(r"(?P<host>\[[^\]\s]+\]|[^:\s\[\]]+)(:(?P<port>\d{1,5}))?")
_SENTINEL_PATH = re.compile(r"/(?P<service>[^/\s]+)(/(?P<db>\d*))?")


@dataclass(frozen=True)
class SentinelAddress:
    """``redis+sentinel://user:password@h1,h2:26379/service/db``: whom to ask for which master.

    `options` are those of TLS, for the Sentinels and for Redis alike. What may hold a secret stays
    out of the repr.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int
    tls: bool
    login: dict[str, str] = field(repr=False)
    sentinel_login: dict[str, str] = field(repr=False)
    options: dict[str, str] = field(repr=False)


def check_redis(url: str) -> str:
    """The address itself; raises ValueError with a sentence that quotes none of it but a key."""
    scheme = url.partition("://")[0]
    if scheme not in OPTIONS:
        raise ValueError(
            "is not an address of Redis: write it like redis://redis:6379/0, rediss://…, "
            "unix:///run/redis.sock or redis+sentinel://…"
        )
    if scheme.endswith("+sentinel"):
        sentinel_address(url)
    elif not _PLAIN.fullmatch(url):
        raise ValueError(
            "is not an address of Redis: write it like redis://redis:6379/0, "
            "rediss://… or unix:///run/redis.sock"
        )
    _options(scheme, url)
    return url


def sentinel_address(url: str) -> SentinelAddress | None:
    """What a Sentinel address says; None for one of another kind.

    Raises ValueError with a sentence that quotes none of it.
    """
    parts = urlsplit(url)
    if not parts.scheme.endswith("+sentinel"):
        return None
    login, _, places = parts.netloc.rpartition("@")
    hosts = [_HOST.fullmatch(place) for place in places.split(",")]
    path = _SENTINEL_PATH.fullmatch(parts.path)
    if path is None or not all(hosts):
        raise ValueError(
            "is not an address of Sentinels: write it like "
            "redis+sentinel://sentinel-1:26379,sentinel-2:26379,sentinel-3:26379/mymaster/0"
        )
    options = _options(parts.scheme, url)
    user, _, password = login.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return SentinelAddress(
        hosts=tuple((m["host"].strip("[]"), int(m["port"] or 26379)) for m in hosts if m),
        service=unquote(path["service"]),
        db=int(path["db"] or 0),
        tls=parts.scheme.startswith("rediss"),
        login={key: value for key, value in given.items() if value},
        sentinel_login={
            key.removeprefix("sentinel_"): options[key] for key in _SENTINEL_LOGIN if key in options
        },
        options={key: value for key, value in options.items() if key in _TLS},
    )


def redis_servers(url: str) -> list[str]:
    """The addresses of what listens at an address of Redis: itself, or each of its Sentinels."""
    behind = sentinel_address(url)
    return [f"//{host}:{port}" for host, port in behind.hosts] if behind else [url]


def _options(scheme: str, url: str) -> dict[str, str]:
    options = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    for key in options:
        if key not in OPTIONS[scheme]:
            known = ", ".join(OPTIONS[scheme])
            raise ValueError(f"takes no option {key!r} in a {scheme} address: it has {known}")
    return options
