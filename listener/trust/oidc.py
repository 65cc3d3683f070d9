"""Identity tokens (OpenID Connect): who sends is what an issuer says of the sender, signed.

Google's Pub/Sub puts one on each push; jobs of GitHub Actions and GitLab CI can ask for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

import jwt
import structlog

from listener.config import Oidc
from listener.providers import Request
from listener.providers.payload import plain, shown
from listener.providers.verify import UNAUTHORIZED, Refused
from listener.trust.fetch import CannotFetch, Fetch
from listener.trust.keys import ALGORITHMS, IssuerKeys
from listener.trust.refusal import Untrusted

NO_KEYS = "keys of the issuer cannot be had now: send it again later"
_LEEWAY = 60.0

log = structlog.get_logger(__name__)


class IdentityTokens:
    """Checks the identity tokens of one hook.

    `clock` times how long keys are kept. A token's own times are held against the system's clock.
    """

    def __init__(
        self, oidc: Oidc, fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._oidc = oidc
        self._keys = IssuerKeys(oidc.issuer, fetch, clock)

    async def check(self, request: Request) -> None:
        """Raises Refused unless the bearer token is the issuer's and says what it must.

        401 with one wording whatever is wrong, and the reason in the log; 503 while the issuer's
        keys cannot be had.
        """
        try:
            await self._check(request)
        except Untrusted as why:
            log.info("identity token refused", issuer=self._oidc.issuer, reason=str(why))
            raise Refused(401, UNAUTHORIZED) from None
        except CannotFetch as fault:
            log.warning("identity token not checked", issuer=self._oidc.issuer, reason=str(fault))
            raise Refused(503, NO_KEYS) from None

    async def _check(self, request: Request) -> None:
        token = _bearer(request)
        try:
            key = await self._keys.find(_key_id(token))
            if key is None:
                raise Untrusted("it is signed with a key that the issuer does not have")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._oidc.audience,
                issuer=self._keys.issuer,
                leeway=_LEEWAY,
                # A token for several audiences could be passed on by any of them.
                options={"require": ["exp", "iat", "iss", "aud"], "strict_aud": True},
            )
        except jwt.PyJWTError as problem:
            raise Untrusted(plain(str(problem)) or type(problem).__name__) from problem
        self._compare(claims)

    def _compare(self, claims: Mapping[str, object]) -> None:
        for name, globs in self._oidc.claims.items():
            value = _as_text(claims.get(name))
            if value is None or not any(fnmatchcase(value, glob) for glob in globs):
                raise Untrusted(f"its claim {name} is {shown(value or 'missing')}")
        # Anybody may write any address into an account; only a verified one is the sender's.
        if "email" in self._oidc.claims and _as_text(claims.get("email_verified")) != "true":
            raise Untrusted("its email is not verified")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.isascii():
        raise Untrusted("there is no bearer token")
    return token


def _key_id(token: str) -> str:
    """The id of the key that a token says it is signed with, before anything is fetched for it."""
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise Untrusted(f"it is not signed with {' or '.join(ALGORITHMS)}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Untrusted("it does not name its key")
    return kid


def _as_text(value: object) -> str | None:
    """A claim as the configuration writes it; None where it is neither text, number nor truth."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None
