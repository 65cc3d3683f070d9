"""What the configuration says of providers and what providers say of themselves are one thing."""

from __future__ import annotations

import sys
from typing import get_args

from listener.config.hook import ProviderName
from listener.config.hook_rules import SIGNING
from listener.providers import PROVIDERS


def test_a_hook_may_name_exactly_the_providers_there_are() -> None:
    assert set(get_args(ProviderName)) == set(PROVIDERS)


def test_providers_stand_in_order() -> None:
    assert list(PROVIDERS) == sorted(PROVIDERS)


def test_a_signature_may_be_asked_for_exactly_of_providers_that_sign() -> None:
    assert set(SIGNING) == {name for name, one in PROVIDERS.items() if one.signatures}


def test_each_is_described_with_the_page_that_it_follows() -> None:
    for name, one in PROVIDERS.items():
        said = sys.modules[type(one).__module__].__doc__
        assert said, name
        assert name == "auto" or "https://" in said, name


def test_where_the_hook_names_none_each_may_speak_for_its_own_registries_only() -> None:
    own = {
        "ecr": "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
        "gar": "europe-west4-docker.pkg.dev",
        "dockerhub": "docker.io",
        "acr": "acmereg.azurecr.io",
        "aliyun": "registry.cn-hangzhou.aliyuncs.com",
    }
    more = {
        "ecr": {"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"},
        "gar": {"gcr.io", "eu.gcr.io"},
    }
    hosts = {*own.values(), *(host for many in more.values() for host in many), "reg.example.com"}
    for name, one in PROVIDERS.items():
        if one.hosts is None:
            # Formats of no registry, and those of registries that run anywhere under any name.
            assert name in {"auto", "cloudevents", "generic", "github", "quay"}
            continue
        may = {host for host in hosts if one.hosts.fullmatch(host)}
        expected = {own[name], *more.get(name, ())} if name in own else {"reg.example.com"}
        assert may == expected, name


def test_a_host_that_only_ends_or_begins_like_another_is_not_it() -> None:
    for name, host in (
        ("ecr", "111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.test"),
        ("ecr", "dkr.ecr.example.test"),
        ("gar", "evilgcr.io"),
        ("gar", "pkg.dev.example.test"),
        ("gar", "gcr.io:5000"),
    ):
        hosts = PROVIDERS[name].hosts
        assert hosts is not None
        assert not hosts.fullmatch(host), host


def test_senders_that_repeat_an_event_until_it_is_taken_are_known() -> None:
    assert {name for name, one in PROVIDERS.items() if one.repeats_until_2xx} == {
        "distribution",
        "ecr",
        "gar",
        "gitlab",
    }
