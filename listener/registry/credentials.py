"""How to log in at a registry: the configuration first, then the Docker client's own store."""

from __future__ import annotations

import os
from collections.abc import Mapping

from listener.config.settings import Registry
from listener.model.auth import Auth
from listener.model.reference import normal_host
from listener.registry.client_config import config_file, stored_auth


class Credentials:
    """Answers for every registry; nothing is remembered, for tokens of cloud registries expire."""

    def __init__(
        self, registries: Mapping[str, Registry], environ: Mapping[str, str] | None = None
    ) -> None:
        self.registries = registries
        """May be replaced at any time."""
        self._file = config_file(os.environ if environ is None else environ)

    async def for_host(self, host: str) -> Auth | None:
        """The credentials for a registry under any of its names; None: anonymous.

        Raises CredentialsFault where there should be some and they cannot be read.
        """
        asked = normal_host(host)
        names = [asked]
        for first, registry in self.registries.items():
            if asked != first and asked not in registry.aliases:
                continue
            if registry.username is not None:
                secret = registry.password.get_secret_value() if registry.password else ""
                return Auth(registry.username, secret)
            names += [name for name in (first, *registry.aliases) if name != asked]
        for name in names:
            auth = await stored_auth(self._file, name)
            if auth is not None:
                return auth
        return None
