"""Credentials as the Docker command line keeps them: config.json and its helper programs.

The order is that of the command line: a helper for this registry (``credHelpers``), the helper for
all (``credsStore``), then what stands in the file itself (``auths``). Helpers speak the protocol
of docker-credential-helpers: ``docker-credential-NAME get``, the server on standard input, JSON on
standard output; the user name ``<token>`` means that the secret is an identity token.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from listener.model.auth import Auth, CredentialsFault
from listener.model.reference import DOCKER_HUB, normal_host

HUB_KEY = "https://index.docker.io/v1/"
"""What Docker Hub is called in config.json and by helpers."""

_HELPER_SECONDS = 10.0
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NONE_STORED = b"credentials not found"


def config_file(environ: Mapping[str, str]) -> Path:
    """Where config.json is: in ``$DOCKER_CONFIG``, else in ``~/.docker``."""
    directory = environ.get("DOCKER_CONFIG")
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(directory or Path(home) / ".docker") / "config.json"


async def stored_auth(file: Path, host: str) -> Auth | None:
    """What config.json or its helpers know for a registry; None where they know nothing.

    Reads the file and asks the helper anew each time. Raises CredentialsFault.
    """
    config = _read(file)
    helper = _helper_for(config, host)
    if helper:
        auth = await _ask_helper(helper, HUB_KEY if host == DOCKER_HUB else host)
        if auth is not None:
            return auth
    for key, entry in _mapping(config, "auths").items():
        if _host_of(key) == host and isinstance(entry, dict):
            return _from_entry(entry, file, host)
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as fault:
        raise CredentialsFault(f"{file} cannot be read: {fault.strerror}") from fault
    except ValueError:
        # Without the cause: it would quote the file.
        raise CredentialsFault(f"{file} is not JSON: log in again or remove it") from None
    if not isinstance(config, dict):
        raise CredentialsFault(f"{file} is not a JSON object: log in again or remove it")
    return config


def _mapping(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _host_of(key: str) -> str:
    """The host in a key: old clients wrote whole URLs."""
    return normal_host(key.removeprefix("https://").removeprefix("http://").partition("/")[0])


def _helper_for(config: Mapping[str, Any], host: str) -> str | None:
    for key, helper in _mapping(config, "credHelpers").items():
        if _host_of(key) == host:
            return str(helper)
    store = config.get("credsStore")
    return str(store) if store else None


def _from_entry(entry: Mapping[str, Any], file: Path, host: str) -> Auth | None:
    token = entry.get("identitytoken")
    if token:
        return Auth(identity_token=str(token))
    if entry.get("username"):
        return Auth(str(entry["username"]), str(entry.get("password", "")))
    if not entry.get("auth"):
        return None
    try:
        pair = base64.b64decode(str(entry["auth"]), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    username, colon, password = pair.partition(":")
    if not colon:
        raise CredentialsFault(f"{file} has no readable credentials for {host}: log in again")
    return Auth(username, password.rstrip("\0"))


async def _ask_helper(helper: str, server: str) -> Auth | None:
    if not _HELPER_NAME.fullmatch(helper):
        raise CredentialsFault(f"{helper!r} is not the name of a Docker credential helper")
    program = f"docker-credential-{helper}"
    status, output = await _run(program, server)
    if status != 0 and _NONE_STORED in output.lower():
        return None
    # What a helper says may hold secrets, so no message quotes it.
    see = f"to see why, run: echo {server} | {program} get"
    if status != 0:
        raise CredentialsFault(f"{program} failed for {server} with exit code {status}; {see}")
    try:
        answer = json.loads(output)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise CredentialsFault(f"{program} gave no credentials for {server}; {see}") from None
    if username == "<token>":
        return Auth(identity_token=secret)
    return Auth(username, secret) if username or secret else None


async def _run(program: str, server: str) -> tuple[int, bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as fault:
        raise CredentialsFault(
            f"{program}, which the Docker client's config.json names, cannot be run: "
            f"{fault.strerror}"
        ) from fault
    try:
        async with asyncio.timeout(_HELPER_SECONDS):
            output, _ = await process.communicate(server.encode())
    except TimeoutError:
        raise CredentialsFault(
            f"{program} gave no answer for {server} within {_HELPER_SECONDS:g} s"
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, output
