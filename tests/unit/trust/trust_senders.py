"""Issuers, topics and authorities that tests make up, and a network that has only their files."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Store

from listener.config import Oidc
from listener.providers import Request
from listener.providers.verify import UNAUTHORIZED, Refused
from listener.trust import CannotFetch
from listener.trust.oidc import IdentityTokens

NOW = 1_772_359_200.0
ISSUER = "https://issuer.example.com"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = f"{ISSUER}/keys"
AUDIENCE = "https://deploy.example.com/hooks/gar"
ACCOUNT = "pusher@acme-prod.iam.example.com"
REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:111122223333:ecr-push"
SNS = f"https://sns.{REGION}.amazonaws.com"
CERTIFICATE = f"{SNS}/SimpleNotificationService-0a1b.pem"

RsaKey = rsa.RSAPrivateKey
# Making a key takes a while: each is made once for all tests.
RSA_KEY, OTHER_RSA_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))
WEAK_RSA_KEY = rsa.generate_private_key(65537, 1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Clock:
    """Seconds that pass only when told."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Network:
    """A `Fetch` over a few files; it can be down, and it can be made to wait."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.down = False
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        self.reached.set()
        await self.open.wait()
        if self.down or url not in self.files:
            raise CannotFetch("example.com answers 503")
        return self.files[url]


@dataclass
class Issuer:
    """An issuer of identity tokens whose files are on the network."""

    network: Network

    def __post_init__(self) -> None:
        self.says(issuer=ISSUER, jwks_uri=KEYS)
        self.has(k1=RSA_KEY, k2=EC_KEY)

    def says(self, **document: str) -> None:
        self.network.files[DISCOVERY] = json.dumps(document).encode()

    def has(self, **keys: RsaKey | ec.EllipticCurvePrivateKey) -> None:
        listed = [self.jwk(kid, key) for kid, key in keys.items()]
        self.network.files[KEYS] = json.dumps({"keys": listed}).encode()

    @staticmethod
    def jwk(kid: str, key: RsaKey | ec.EllipticCurvePrivateKey) -> dict[str, Any]:
        made = (
            jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            if isinstance(key, rsa.RSAPrivateKey)
            else jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        )
        return {**made, "kid": kid, "use": "sig"}


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token says; None takes a claim away."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "1001",
        "iat": now - 5,
        "exp": now + 3600,
        "email": ACCOUNT,
        "email_verified": True,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(
    said: dict[str, Any] | None = None,
    key: Any = RSA_KEY,
    algorithm: str = "RS256",
    **header: Any,
) -> str:
    head = {"kid": "k1", **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(said or claims(), key, algorithm, headers=head)


def unsafe_token(header: dict[str, Any], said: dict[str, Any], signature: bytes) -> str:
    """A token that no honest library makes."""
    parts = (json.dumps(header).encode(), json.dumps(said).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def bearing(value: str | None) -> Request:
    return Request({} if value is None else {"authorization": f"Bearer {value}"}, b"{}")


def certificate(
    name: str = "sns.amazonaws.com",
    *,
    key: Any = RSA_KEY,
    issuer: Authority | None = None,
    since: float = NOW - 86_400,
    until: float = NOW + 86_400,
    alternative: bool = True,
) -> x509.Certificate:
    """A server certificate; one that issued itself where there is no issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.root.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(since, UTC))
        .not_valid_after(datetime.fromtimestamp(until, UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if alternative:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


@dataclass
class Authority:
    """A certificate authority."""

    name: str = "Example Root"
    key: RsaKey | ec.EllipticCurvePrivateKey = field(default_factory=lambda: OTHER_RSA_KEY)

    def __post_init__(self) -> None:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        public = self.key.public_key()
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        self.root = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.fromtimestamp(NOW, UTC) - timedelta(days=900))
            .not_valid_after(datetime.fromtimestamp(NOW, UTC) + timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def store(self) -> Store:
        return Store([self.root])


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def stamp(seconds: float = NOW - 2) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def notification(**changed: Any) -> dict[str, Any]:
    """An unsigned Notification; None takes a field away."""
    return _fields(
        {
            "Type": "Notification",
            "MessageId": "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99",
            "TopicArn": TOPIC,
            "Message": '{"source":"aws.ecr"}',
            "Timestamp": stamp(),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
            **changed,
        }
    )


def confirmation(**changed: Any) -> dict[str, Any]:
    """An unsigned SubscriptionConfirmation."""
    said = {
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37",
        "Message": "You have chosen to subscribe.\nTo confirm, visit the SubscribeURL.",
        "SubscribeURL": f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37",
    }
    return notification(**{**said, **changed})


def signed(message: dict[str, Any], key: RsaKey = RSA_KEY, digest: Any = None) -> Request:
    """The message as SNS sends it: signed over its fields in alphabetical order."""
    covered = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token")
    text = "".join(
        f"{name}\n{message[name]}\n" for name in (*covered, "TopicArn", "Type") if name in message
    )
    made = key.sign(text.encode(), padding.PKCS1v15(), digest or hashes.SHA256())
    return request({**message, "Signature": base64.b64encode(made).decode()})


def request(message: dict[str, Any]) -> Request:
    return Request({"content-type": "text/plain; charset=UTF-8"}, json.dumps(message).encode())


def _fields(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value is not None}


AUTHORITY = Authority()
LEAF = certificate(issuer=AUTHORITY)


def identity_tokens(network: Network, clock: Clock, **wanted: Any) -> IdentityTokens:
    """The check of a hook that wants the account's tokens, or what else is wanted."""
    said = {"claims": {"email": ACCOUNT}, "audience": AUDIENCE, "issuer": ISSUER, **wanted}
    return IdentityTokens(Oidc.model_validate(said), network, clock)


PASSES = (200, "")
REFUSED = (401, UNAUTHORIZED)


async def answer(
    check: Callable[[Request], Awaitable[str | None]], sent: Request | str
) -> tuple[int, str]:
    """The status and the sentence that the sender of a request, or of a token, gets.

    Who passes gets 200, and the address that confirms a subscription, where there is one.
    """
    try:
        return 200, await check(sent if isinstance(sent, Request) else bearing(sent)) or ""
    except Refused as no:
        return no.status, str(no)
