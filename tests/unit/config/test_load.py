"""What a good file means, and where it is looked for."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from listener.config import ConfigError, Settings, find_config, load
from listener.config.quantities import Address, parse_size
from listener.model.tag_policy import TagPolicy


def test_without_a_file_there_are_defaults() -> None:
    settings = load(None, {})
    assert (str(settings.listen), str(settings.admin.listen)) == ("0.0.0.0:8080", "127.0.0.1:8081")
    assert settings.admin.listen.loopback
    assert not settings.listen.loopback
    assert settings.redis is None
    assert settings.engine == "unix:///var/run/docker.sock"
    assert settings.host == socket.gethostname()
    assert settings.state_dir == Path("/var/lib/listener")
    assert (settings.concurrency, settings.max_body, settings.shutdown_grace) == (4, 2**20, 30.0)
    assert (settings.history.deployments, settings.history.pushes) == (200, 7 * 86400.0)
    assert (settings.hooks, settings.targets, settings.source, settings.files) == ({}, {}, None, ())


def test_the_engine_is_the_files_then_the_environments(loaded) -> None:
    environ = {"DOCKER_HOST": "tcp://docker-2:2376"}
    assert loaded("engine: unix:///run/one.sock", environ).engine == "unix:///run/one.sock"
    assert loaded("", environ).engine == "tcp://docker-2:2376"
    assert load(None, environ).engine == "tcp://docker-2:2376"


def test_sections_may_be_empty(loaded) -> None:
    settings = loaded("admin:\nhooks:\nregistries:\ndefaults:\ntargets:\nhistory:\n")
    assert isinstance(settings, Settings)
    assert settings.hooks == {}


class TestEnvironment:
    def test_values_are_replaced(self, loaded) -> None:
        text = """\
            concurrency: ${N}
            self_update: ${NO:-false}
            hooks: {h: {provider: generic, token: "a${T}b$$${E:-}"}}
            """
        settings = loaded(text, {"N": "7", "T": "--", "E": ""})
        assert settings.concurrency == 7
        assert settings.hooks["h"].tokens[0].get_secret_value() == "a--b$"

    def test_an_empty_variable_takes_the_default(self, loaded) -> None:
        assert loaded("host: ${H:-here}", {"H": ""}).host == "here"

    def test_a_value_adds_no_structure(self, loaded) -> None:
        evil = 'x"}, evil: {provider: generic, unauthenticated: true}\nadmin: {token: y}'
        settings = loaded('hooks: {h: {provider: generic, token: "${T}"}}', {"T": evil})
        assert list(settings.hooks) == ["h"]
        assert settings.hooks["h"].tokens[0].get_secret_value() == evil
        assert settings.admin.token is None

    def test_replaced_text_is_not_replaced_again(self, loaded) -> None:
        hook = loaded("hooks: {h: {provider: generic, token: '${T}'}}", {"T": "${U}"}).hooks["h"]
        assert hook.tokens[0].get_secret_value() == "${U}"

    def test_a_lone_dollar_stays(self, loaded) -> None:
        target = loaded("targets: {w: {container: w, tag: {regex: '^v$'}}}").targets["w"]
        assert target.tag is not None
        assert target.tag.regex == "^v$"


class TestSecrets:
    def test_every_secret_may_be_a_file(self, loaded, tmp_path: Path) -> None:
        for name in ("admin", "redis", "old", "new", "hmac", "user", "password"):
            (tmp_path / name).write_text(f"redis://{name}\n")
        settings = loaded(
            f"""\
            admin: {{token_file: {tmp_path}/admin}}
            redis_file: redis
            hooks:
              a: {{provider: generic, token_file: [new, old]}}
              b: {{provider: github, hmac_secret_file: hmac}}
            registries: {{r.io: {{username_file: user, password_file: password}}}}
            """
        )
        assert settings.admin.token is not None
        assert settings.admin.token.get_secret_value() == "redis://admin"
        assert settings.redis == "redis://redis"
        tokens = [token.get_secret_value() for token in settings.hooks["a"].tokens]
        assert tokens == ["redis://new", "redis://old"]
        assert settings.hooks["b"].hmac_secrets[0].get_secret_value() == "redis://hmac"
        registry = settings.registries["r.io"]
        assert registry.username == "redis://user"
        assert registry.password is not None
        assert registry.password.get_secret_value() == "redis://password"
        assert settings.source == tmp_path / "listener.yml"
        assert {file.name for file in settings.files} == {
            *("listener.yml", "admin", "redis", "old", "new", "hmac", "user", "password")
        }

    @pytest.mark.parametrize(
        ("content", "secret"), [(b"a\n", "a"), (b"a\n\n", "a\n"), (b" a", " a"), (b"a\r\n", "a")]
    )
    def test_one_newline_goes(self, loaded, tmp_path: Path, content: bytes, secret: str) -> None:
        (tmp_path / "s").write_bytes(content)
        hook = loaded("hooks: {h: {provider: generic, token_file: s}}").hooks["h"]
        assert hook.tokens[0].get_secret_value() == secret

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (None, "s cannot be read: No such file or directory"),
            (b"", "s is empty"),
            (b"\n", "s is empty"),
            (b" \n", "s holds nothing but blanks"),
            (b"\xff", "s is not UTF-8 text"),
            (b"a" * 70_000, "s is larger than 65536 bytes: not a secret"),
        ],
    )
    def test_a_bad_file_is_named(
        self, problems, tmp_path: Path, content: bytes | None, why: str
    ) -> None:
        if content is not None:
            (tmp_path / "s").write_bytes(content)
        assert problems("admin:\n  token_file: s") == [f"2: admin.token_file: {why}"]

    def test_a_folder_is_no_secret(self, problems, tmp_path: Path) -> None:
        (tmp_path / "s").mkdir()
        assert problems("admin: {token_file: s}") == ["1: admin.token_file: s is not a file"]

    def test_either_the_value_or_the_file(self, problems, tmp_path: Path) -> None:
        (tmp_path / "s").write_text("x")
        assert problems("admin:\n  token: a\n  token_file: s") == [
            "3: admin.token_file: give either this or token, not both"
        ]

    def test_a_missing_file_is_worth_watching(self, loaded, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            loaded("admin: {token_file: s}")
        assert caught.value.files == (tmp_path / "listener.yml", tmp_path / "s")

    def test_the_repr_shows_none(self, loaded) -> None:
        settings = loaded(
            """\
            admin: {token: hunter2}
            redis: redis://:hunter2@here
            hooks: {h: {provider: github, token: hunter2, hmac_secret: [hunter2, x]}}
            registries: {r.io: {username: u, password: hunter2}}
            """
        )
        assert "hunter2" not in repr(settings) + str(settings)


class TestMeaning:
    def test_hooks(self, loaded) -> None:
        hook = loaded(
            """\
            hooks:
              h:
                provider: distribution
                token: [new, old]
                allow_cidrs: [10.0.0.0/8, 192.168.7.3, "fd00::/8"]
                repositories: ["team/*"]
                registry: Index.Docker.io
            """
        ).hooks["h"]
        assert [token.get_secret_value() for token in hook.tokens] == ["new", "old"]
        assert hook.allow_cidrs[1] == ip_network("192.168.7.3/32")
        assert (hook.repositories, hook.registry) == (("team/*",), "docker.io")

    def test_aliases_are_in_normal_form(self, loaded) -> None:
        settings = loaded("registries: {R.example.com: {aliases: [localhost:5000, 10.0.0.5:5000]}}")
        assert settings.aliases() == {
            "localhost:5000": "r.example.com",
            "10.0.0.5:5000": "r.example.com",
        }

    def test_defaults_go_under_every_target(self, loaded) -> None:
        settings = loaded(
            """\
            defaults: {keep: 5, reconcile: 0, health: {timeout: 90s, settle: 1s}}
            targets:
              a: {container: a}
              b: {container: b, keep: 2, health: {settle: 3s}}
            """
        )
        a, b = settings.targets["a"], settings.targets["b"]
        assert (a.keep, a.reconcile, a.health.timeout, a.health.settle) == (5, 0.0, 90.0, 1.0)
        assert (b.keep, b.reconcile, b.health.timeout, b.health.settle) == (2, 0.0, 90.0, 3.0)

    def test_a_tag_policy_of_another_kind_takes_the_default_s_place(self, loaded) -> None:
        settings = loaded(
            """\
            defaults: {tag: latest}
            targets: {a: {container: a, tag: {glob: "main-*"}}, b: {container: b}}
            """
        )
        assert settings.targets["a"].tag == TagPolicy(glob="main-*")
        assert settings.targets["b"].tag == TagPolicy(exact="latest")

    def test_anchors_and_merge_keys_work(self, loaded) -> None:
        settings = loaded(
            """\
            targets:
              a: &a {container: a, keep: 7, pull_timeout: 5m}
              b: {<<: *a, container: b, keep: 1}
            """
        )
        b = settings.targets["b"]
        assert (b.container, b.keep, b.pull_timeout) == ("b", 1, 300.0)

    def test_what_looks_like_a_date_is_a_tag(self, loaded) -> None:
        target = loaded("targets: {a: {container: a, tag: 2024-01-31}}").targets["a"]
        assert str(target.tag) == "2024-01-31"

    def test_one_container_on_two_hosts_is_two_targets(self, loaded) -> None:
        text = "targets: {a: {container: c, host: x}, b: {container: c, host: y}}"
        assert len(loaded(text).targets) == 2


@pytest.mark.parametrize(
    ("text", "size"), [("1MiB", 2**20), ("512 KiB", 2**19), ("2MB", 2_000_000), (1024, 1024)]
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("one", "other", "collides"),
    [
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("localhost:80", "127.0.0.1:80", True),
        ("[::1]:80", "[::1]:80", True),
        ("10.0.0.5:80", "127.0.0.1:80", False),
        (":80", ":81", False),
        (":0", ":0", False),
    ],
)
def test_ports_collide(one: str, other: str, collides: bool) -> None:
    assert Address.model_validate(one).collides(Address.model_validate(other)) is collides


class TestFinding:
    def test_the_order(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert find_config(None, {}) in (None, Path("/etc/listener/listener.yml"))
        (tmp_path / "config").mkdir()
        for name in ("config/listener.yml", "one.yml", "two.yml"):
            (tmp_path / name).touch()
        assert find_config(None, {"LISTENER_CONFIG": ""}) == Path("config/listener.yml")
        assert find_config(None, {"LISTENER_CONFIG": "two.yml"}) == Path("two.yml")
        assert find_config("one.yml", {"LISTENER_CONFIG": "two.yml"}) == Path("one.yml")

    @pytest.mark.parametrize(
        ("explicit", "environ"), [("no.yml", {}), (None, {"LISTENER_CONFIG": "no.yml"})]
    )
    def test_a_named_file_must_be_there(self, explicit, environ) -> None:
        with pytest.raises(ConfigError, match=r"no\.yml: there is no such file"):
            find_config(explicit, environ)

    def test_a_file_that_vanished_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path / "gone.yml", {})
