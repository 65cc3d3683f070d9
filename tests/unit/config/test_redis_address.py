"""Addresses of Redis: what they say, and one sentence for each mistake, without the secret."""

from __future__ import annotations

import pytest

from listener.config.redis_address import check_redis, redis_servers, sentinel_address


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis:6379/0",
        "redis://user:p%40ss@redis",
        "rediss://redis:6380/1?ssl_ca_certs=/etc/listener/ca.pem",
        "unix:///run/redis.sock?db=2",
        "unix://user:password@/run/redis.sock",
        "redis+sentinel://a/shop",
        "rediss+sentinel://a,b:26380/shop/2?ssl_ca_certs=/ca.pem&sentinel_password=x",
    ],
)
def test_addresses(url: str) -> None:
    assert check_redis(url) == url


def test_what_a_sentinel_address_says() -> None:
    found = sentinel_address(
        "rediss+sentinel://app:p%40ss@a,b:26380,[::1]:26381/my%20shop/3"
        "?sentinel_username=watcher&sentinel_password=s&ssl_ca_certs=/ca.pem"
    )
    assert found is not None
    assert found.hosts == (("a", 26379), ("b", 26380), ("::1", 26381))
    assert (found.service, found.db, found.tls) == ("my shop", 3, True)
    assert found.login == {"username": "app", "password": "p@ss"}
    assert found.sentinel_login == {"username": "watcher", "password": "s"}
    assert found.options == {"ssl_ca_certs": "/ca.pem"}
    assert "p@ss" not in repr(found)


def test_a_sentinel_address_without_a_login() -> None:
    found = sentinel_address("redis+sentinel://a,b/shop")
    assert found is not None
    assert (found.db, found.tls, found.login, found.sentinel_login) == (0, False, {}, {})
    assert sentinel_address("redis://a") is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hunter2", "is not an address of Redis: write it like"),
        ("redis://", "is not an address of Redis: write it like"),
        ("redis+sentinel://:hunter2@a,b", "is not an address of Sentinels: write it like"),
        ("redis+sentinel://:hunter2@a,,b/shop", "is not an address of Sentinels"),
        ("redis+sentinel://:hunter2@a:x/shop", "is not an address of Sentinels"),
        ("redis+sentinel://:hunter2@a/shop/zero", "is not an address of Sentinels"),
        ("redis://:hunter2@a?socket_timeout=3", "takes no option 'socket_timeout' in a redis"),
        ("redis://:hunter2@a?ssl_ca_certs=/x", "takes no option 'ssl_ca_certs' in a redis"),
        ("unix:///hunter2?ssl_ca_certs=/x", "takes no option 'ssl_ca_certs' in a unix"),
        ("redis+sentinel://a/s?db=hunter2", "takes no option 'db' in a redis\\+sentinel"),
    ],
)
def test_mistakes(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        check_redis(url)
    assert "hunter2" not in str(caught.value)


def test_the_program_stands_on_each_sentinel() -> None:
    assert redis_servers("redis://redis:1/0") == ["redis://redis:1/0"]
    assert redis_servers("redis+sentinel://:pw@a,b:1/shop") == ["//a:26379", "//b:1"]
