"""The certificates that Amazon SNS signs with: fetched, judged and kept by address."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from listener.trust.fetch import CannotFetch, Fetch
from listener.trust.flight import SingleFlight
from listener.trust.refusal import Untrusted

_MOST_KEPT = 16
_MOST_AT_ONCE = 4
_SMALLEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class _Signer:
    key: RSAPublicKey
    until: datetime


class SigningCertificates:
    """Public keys of SNS by the address of their certificate.

    A certificate is kept until it expires. `clock` gives Unix seconds. `roots` are the authorities
    to trust; None: those that this system trusts.
    """

    def __init__(self, fetch: Fetch, clock: Callable[[], float], roots: Store | None) -> None:
        self._fetch = fetch
        self._clock = clock
        self._roots = roots
        self._kept: dict[str, _Signer] = {}
        self._flight: SingleFlight[_Signer] = SingleFlight()

    async def key(self, url: str, region: str) -> RSAPublicKey:
        """The key behind `url`, which is an address of SNS in that region.

        Raises CannotFetch where there is none to be had, Untrusted where it is not that of SNS.
        """
        kept = self._kept.get(url)
        if kept is None or kept.until <= self._now():
            if url not in self._flight and len(self._flight) >= _MOST_AT_ONCE:
                raise CannotFetch("too many certificates are being fetched at once")
            kept = await self._flight.run(url, lambda: self._load(url, region))
        return kept.key

    async def _load(self, url: str, region: str) -> _Signer:
        found = await self._fetch(url)
        roots = self._roots
        if roots is None:
            roots = await asyncio.to_thread(_system_roots)
        try:
            signer = _judged(found, _names(region), self._now(), roots)
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as problem:
            raise Untrusted("its certificate cannot be read") from problem
        self._kept.pop(url, None)
        self._kept[url] = signer
        while len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return signer

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _names(region: str) -> frozenset[str]:
    """The names that certificates of SNS have in a region, as the AWS SDK for Java lists them.

    Most regions share one; those that an account must opt in to, China and GovCloud have others.
    """
    suffix = f"{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    own = {"sns.amazonaws.com", f"sns.{suffix}", f"sns-signing.{suffix}", f"sns-{suffix}"}
    if region.startswith("us-gov-"):
        own.add("sns-us-gov-west-1.amazonaws.com")
    return frozenset(own)


def _judged(pem: bytes, names: frozenset[str], now: datetime, roots: Store) -> _Signer:
    """The signer that a PEM file holds; raises Untrusted, or ValueError where it is no such file.

    Where the file holds the chain, it must lead to a trusted root. SNS mostly serves the leaf
    alone, though, and its issuers are not among the roots of any system. Then it stands on the TLS
    connection that it was fetched over, which is to the SNS of that region; here its dates, its
    name and its kind are checked, and that it did not issue itself.
    """
    leaf, *chain = x509.load_pem_x509_certificates(pem)
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise Untrusted("its certificate has expired, or is not valid yet")
    name = next(iter(names & _names_in(leaf)), None)
    if name is None:
        raise Untrusted("its certificate is not one of Amazon SNS in that region")
    if chain:
        policy = PolicyBuilder().store(roots).time(now)
        try:
            policy.build_server_verifier(x509.DNSName(name)).verify(leaf, chain)
        except VerificationError as problem:
            raise Untrusted("its certificate leads to no root that is trusted") from problem
    elif leaf.issuer == leaf.subject:
        raise Untrusted("its certificate was issued by itself")
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_RSA:
        raise Untrusted("its certificate has no RSA key of 2048 bits or more")
    return _Signer(key, leaf.not_valid_after_utc)


def _names_in(leaf: x509.Certificate) -> set[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return {str(one.value) for one in common}
    return set(found.value.get_values_for_type(x509.DNSName))


@cache
def _system_roots() -> Store:
    """What this system trusts; takes some 40 ms, so it is done once, and in a thread."""
    roots = []
    with warnings.catch_warnings():
        # Some old roots have serial numbers that the library will refuse one day.
        warnings.simplefilter("ignore")
        for one in ssl.create_default_context().get_ca_certs(binary_form=True):
            try:
                roots.append(x509.load_der_x509_certificate(one))
            except ValueError:
                continue
    if not roots:
        raise CannotFetch("this system trusts no authority: install its CA certificates")
    return Store(roots)
