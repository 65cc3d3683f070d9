"""A network without a network, a clock, and the checks that stand on them."""

from __future__ import annotations

import pytest
from trust_senders import (
    AUTHORITY,
    CERTIFICATE,
    LEAF,
    TOPIC,
    Clock,
    Issuer,
    Network,
    identity_tokens,
    pem,
)

from listener.trust.oidc import IdentityTokens
from listener.trust.sns import Topics


@pytest.fixture
async def network() -> Network:
    return Network()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(network: Network) -> Issuer:
    return Issuer(network)


@pytest.fixture
def checker(network: Network, issuer: Issuer, clock: Clock) -> IdentityTokens:
    return identity_tokens(network, clock)


@pytest.fixture
def topics(network: Network, clock: Clock) -> Topics:
    network.files[CERTIFICATE] = pem(LEAF)
    return Topics([TOPIC], network, clock, AUTHORITY.store)
