"""Asking a registry what a tag means: logins, odd registries and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from fake_registry import BODY, DIGEST, PASSWORD, USER, FakeRegistry, basic_of

from listener.config.settings import Registry
from listener.demo import registry as real
from listener.demo.app import Release, build
from listener.demo.ports import free_port
from listener.demo.ship import Api
from listener.model.auth import Auth, CredentialsFault
from listener.model.reference import Reference
from listener.registry import Denied, NotFound, RegistryAway, Resolver
from listener.registry.challenge import read_challenge, token_request
from listener.registry.transport import Transport, is_loopback

MANIFEST = "/v2/team/web/manifests/v1"
TAGS = "/v2/team/web/tags/list"
MakeRegistry = Callable[[], Awaitable[FakeRegistry]]


class Login:
    """The same credentials for everybody."""

    def __init__(self, auth: Auth | None = None, fault: CredentialsFault | None = None) -> None:
        self.auth, self.fault = auth, fault
        self.asked = 0

    async def for_host(self, host: str) -> Auth | None:
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.auth


@pytest.fixture
def login() -> Login:
    return Login(Auth(USER, PASSWORD))


@pytest.fixture
async def resolver(login: Login) -> AsyncIterator[Resolver]:
    made = Resolver({}, login, transport=Transport(seconds=3))
    yield made
    await made.close()


def image(registry: FakeRegistry | real.Registry) -> Reference:
    return Reference(registry.host, "team/web")


async def test_a_real_registry_with_a_login(
    resolver: Resolver, login: Login, tmp_path: Path
) -> None:
    login.auth = Auth(real.USER, real.PASSWORD)
    with real.Registry(tmp_path, login=True) as registry:
        release = build(Release("1"), {})
        index = Api(registry).push_index("team/web", "v2", [("amd64", release)])
        pushed = Api(registry).push("team/web", "v1", release)
        assert await resolver.digest(image(registry), "v1") == pushed
        assert await resolver.digest(image(registry), "v2") == index
        assert sorted(await resolver.tags(image(registry))) == ["v1", "v2"]
        with pytest.raises(NotFound, match=r"team/web:v3"):
            await resolver.digest(image(registry), "v3")
        with pytest.raises(NotFound):
            await resolver.tags(Reference(registry.host, "team/none"))
        login.auth = Auth(USER, "wrong-word")
        with pytest.raises(Denied) as refused:
            await resolver.digest(image(registry), "v1")
        assert "wrong-word" not in str(refused.value)
        login.auth = None
        with pytest.raises(Denied, match="docker login"):
            await resolver.digest(image(registry), "v1")
        assert ("GET", "/v2/team/web/manifests/v1", 200) not in registry.requests()


async def test_a_public_image_needs_no_login(
    resolver: Resolver, login: Login, fake: FakeRegistry
) -> None:
    fake.manifest(MANIFEST)
    assert await resolver.digest(image(fake), "v1") == DIGEST
    assert login.asked == 0
    assert fake.methods() == ["HEAD"]
    assert "image.index" in fake.seen[0][2]["Accept"]


async def test_without_the_header_the_body_is_digested(
    resolver: Resolver, fake: FakeRegistry
) -> None:
    fake.always(MANIFEST, body=BODY)
    assert await resolver.digest(image(fake), "v1") == DIGEST
    assert fake.methods() == ["HEAD", "GET"]


async def test_a_registry_without_head_is_asked_with_get(
    resolver: Resolver, fake: FakeRegistry
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=405) if request.method == "HEAD" else web.Response(body=BODY)

    fake.routes[MANIFEST] = answer
    assert await resolver.digest(image(fake), "v1") == DIGEST


async def test_a_token_is_fetched_with_the_login(resolver: Resolver, fake: FakeRegistry) -> None:
    challenge = (
        f'Bearer realm="http://{fake.host}/token",service="r",scope="repository:team/web:pull"'
    )
    fake.tokens("/token", "a-token", basic_of(USER, PASSWORD))
    fake.manifest(MANIFEST, "Bearer a-token", challenge)
    assert await resolver.digest(image(fake), "v1") == DIGEST
    assert fake.seen[1][1] == "/token?scope=repository:team/web:pull&service=r"
    assert fake.authorizations() == [None, basic_of(USER, PASSWORD), "Bearer a-token"]


async def test_an_identity_token_is_traded_in(
    resolver: Resolver, login: Login, fake: FakeRegistry
) -> None:
    login.auth = Auth(identity_token="long-lived")
    fake.tokens("/token", "a-token", "long-lived")
    fake.manifest(MANIFEST, "Bearer a-token", f'Bearer realm="http://{fake.host}/token"')
    assert await resolver.digest(image(fake), "v1") == DIGEST
    assert fake.forms[0]["grant_type"] == "refresh_token"
    assert fake.forms[0]["scope"] == "repository:team/web:pull"


async def test_no_token_means_denied(resolver: Resolver, login: Login, fake: FakeRegistry) -> None:
    fake.tokens("/token", "a-token", "another login")
    fake.manifest(MANIFEST, "Bearer a-token", f'Bearer realm="http://{fake.host}/token"')
    with pytest.raises(Denied, match="the login of ci is refused") as refused:
        await resolver.digest(image(fake), "v1")
    assert PASSWORD not in str(refused.value)
    login.auth = None
    with pytest.raises(Denied, match="no login is known"):
        await resolver.digest(image(fake), "v1")
    login.fault = CredentialsFault("the helper is not installed")
    with pytest.raises(Denied, match="the helper is not installed"):
        await resolver.digest(image(fake), "v1")


@pytest.mark.parametrize("body", [b"no json", b"[]", b"{}", b'{"token": "a\\nb"}'])
async def test_a_token_that_is_none(resolver: Resolver, fake: FakeRegistry, body: bytes) -> None:
    fake.always("/token", body=body)
    fake.manifest(MANIFEST, "Bearer x", f'Bearer realm="http://{fake.host}/token"')
    with pytest.raises(RegistryAway, match="without a token"):
        await resolver.digest(image(fake), "v1")


def test_a_secret_goes_only_to_an_encrypted_token_service() -> None:
    challenge = read_challenge(['Bearer realm="http://tokens.example.com/x"'])
    assert challenge is not None
    with pytest.raises(RegistryAway, match="without encryption"):
        token_request(challenge, "team/web", Auth("ci", "x"), plain_allowed=False)
    assert token_request(challenge, "team/web", None, plain_allowed=True).headers == {}


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "http://[bad", "/token"])
def test_a_realm_that_is_no_address(realm: str) -> None:
    challenge = read_challenge([f'Bearer realm="{realm}"'])
    assert challenge is not None
    with pytest.raises(RegistryAway, match="no address that issues tokens"):
        token_request(challenge, "team/web", Auth("ci", "x"), plain_allowed=True)


def test_challenges_are_read_in_every_spelling() -> None:
    read = read_challenge(
        ['Basic realm="x"', "bearer Realm=https://t/x , SCOPE=\"a,b\",service=''"]
    )
    assert read is not None
    assert read.scheme == "bearer"
    assert read.parameters == {"realm": "https://t/x", "scope": "a,b", "service": "''"}
    assert read_challenge(["Negotiate"]) is None
    assert read_challenge([]) is None


async def test_too_many_requests_says_when_to_come_back(
    resolver: Resolver, fake: FakeRegistry
) -> None:
    fake.always(MANIFEST, 429, headers={"Retry-After": "17"})
    with pytest.raises(RegistryAway, match="answers 429") as away:
        await resolver.digest(image(fake), "v1")
    assert away.value.retry_after == 17
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    fake.always(MANIFEST, 503, headers={"Retry-After": later})
    with pytest.raises(RegistryAway) as away:
        await resolver.digest(image(fake), "v1")
    assert away.value.retry_after is not None
    assert 55 < away.value.retry_after <= 60
    fake.always(MANIFEST, 503, headers={"Retry-After": "soon"})
    with pytest.raises(RegistryAway) as away:
        await resolver.digest(image(fake), "v1")
    assert away.value.retry_after is None


@pytest.mark.parametrize(("status", "fault"), [(403, Denied), (404, NotFound), (500, RegistryAway)])
async def test_refusals(
    resolver: Resolver, fake: FakeRegistry, status: int, fault: type[Exception]
) -> None:
    fake.always(MANIFEST, status)
    with pytest.raises(fault):
        await resolver.digest(image(fake), "v1")


async def test_a_registry_that_is_not_there(resolver: Resolver) -> None:
    away = Reference(f"127.0.0.1:{free_port()}", "team/web")
    with pytest.raises(RegistryAway, match=r"127\.0\.0\.1 cannot be reached"):
        await resolver.digest(away, "v1")
    with pytest.raises(RegistryAway):
        await resolver.digest(Reference("127.0.0.1:99999", "team/web"), "v1")


async def test_a_registry_that_does_not_answer(fake: FakeRegistry, login: Login) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    fake.routes[MANIFEST] = hang
    resolver = Resolver({}, login, transport=Transport(seconds=0.3))
    with pytest.raises(RegistryAway, match=r"no answer within 0\.3 s"):
        await resolver.digest(image(fake), "v1")
    await resolver.close()


async def test_plain_http_only_where_it_is_allowed(login: Login, fake: FakeRegistry) -> None:
    fake.manifest(MANIFEST)
    host = fake.host.replace("127.0.0.1", "0.0.0.0")
    elsewhere = Reference(host, "team/web")
    strict = Resolver({}, login)
    with pytest.raises(RegistryAway, match="cannot be reached"):
        await strict.digest(elsewhere, "v1")
    assert fake.seen == []
    alias = {"registry.example.com": Registry(insecure=True, aliases=(host,))}
    lenient = Resolver(alias, login)
    assert await lenient.digest(elsewhere, "v1") == DIGEST
    await strict.close()
    await lenient.close()


async def test_a_redirect_to_another_host_goes_without_the_login(
    resolver: Resolver, fake: FakeRegistry, make_registry: MakeRegistry
) -> None:
    mirror = await make_registry()
    mirror.manifest("/stored")

    async def redirect(request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.Response(status=307, headers={"Location": f"http://{mirror.host}/stored"})

    fake.routes[MANIFEST] = redirect
    assert await resolver.digest(image(fake), "v1") == DIGEST
    assert fake.authorizations() == [None, basic_of(USER, PASSWORD)]
    assert mirror.authorizations() == [None]


async def test_redirects_end(resolver: Resolver, fake: FakeRegistry) -> None:
    fake.always(MANIFEST, 302, headers={"Location": MANIFEST})
    with pytest.raises(RegistryAway, match="more than 3 times"):
        await resolver.digest(image(fake), "v1")
    fake.always(MANIFEST, 302, headers={"Location": "ftp://127.0.0.1/x"})
    with pytest.raises(RegistryAway, match="refused"):
        await resolver.digest(image(fake), "v1")


async def test_tags_come_in_pages(resolver: Resolver, fake: FakeRegistry) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        if request.query.get("last") == "b":
            return web.json_response({"tags": ["c"]})
        link = f"<{TAGS}?n=2&last=b>; rel=next"
        return web.json_response({"tags": ["a", "b"]}, headers={"Link": link})

    fake.routes[TAGS] = page
    assert await resolver.tags(image(fake)) == ["a", "b", "c"]


async def test_pages_elsewhere_are_refused(resolver: Resolver, fake: FakeRegistry) -> None:
    link = "<http://127.0.0.2/v2/x>; rel=next"
    fake.always(TAGS, body=b'{"tags": null}', headers={"Link": link})
    with pytest.raises(RegistryAway, match=r"at 127\.0\.0\.2: refused"):
        await resolver.tags(image(fake))


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
async def test_a_list_that_is_none(resolver: Resolver, fake: FakeRegistry, body: bytes) -> None:
    fake.always(TAGS, body=body)
    with pytest.raises(RegistryAway, match="no readable list"):
        await resolver.tags(image(fake))


async def test_an_endless_answer_is_cut(resolver: Resolver, fake: FakeRegistry) -> None:
    fake.always(TAGS, body=b"x" * (9 * 2**20))
    with pytest.raises(RegistryAway, match="larger than 8 MiB"):
        await resolver.tags(image(fake))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.9:5000", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("10.0.0.5:5000", False),
        ("localhost.example.com", False),
        ("docker.io", False),
    ],
)
def test_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
