"""A container's labels make a target of it, or say why not."""

from __future__ import annotations

import pytest

from listener.config import LabelError, is_enabled, settings_from_labels
from listener.model.target import ComposeService, TargetSettings

DEFAULTS = TargetSettings.model_validate({"keep": 5, "health": {"timeout": "90s", "settle": "1s"}})


def test_labels_are_dotted_keys_over_the_defaults() -> None:
    settings = settings_from_labels(
        "web",
        {
            "listener.enable": "true",
            "listener.tag.semver": "^1.4",
            "listener.strategy": "recreate",
            "listener.health.settle": "3s",
            "listener.health.exec": '["pg_isready", "-U", "a b"]',
            "listener.rollback": "false",
            "listener.reconcile": "0",
            "listener.pin": "sha256:abc",
            "listener.pin.target": "web",
            "listener.copy": "/etc/app.conf",
            "com.example.other": "x",
        },
        DEFAULTS,
    )
    assert settings.container == "web"
    assert str(settings.tag) == "semver ^1.4"
    assert (settings.keep, settings.rollback, settings.reconcile) == (5, False, 0.0)
    assert (settings.health.timeout, settings.health.settle) == (90.0, 3.0)
    assert settings.health.exec == ("pg_isready", "-U", "a b")


def test_a_command_may_be_words_of_a_shell() -> None:
    labels = {"listener.health.exec": "sh -c 'curl -f localhost'", "listener.tag": "1.10"}
    settings = settings_from_labels("web", labels, TargetSettings())
    assert settings.health.exec == ("sh", "-c", "curl -f localhost")
    assert str(settings.tag) == "1.10"


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"enable": "yes"}, "listener.enable: must be true or false, not 'yes'"),
        ({"stratgy": "auto"}, "listener.stratgy: there is no such key (did you mean strategy?)"),
        ({"health.tiemout": "5s"}, "listener.health.tiemout: there is no such key (did you mean t"),
        ({"health.timeout": "5"}, "listener.health.timeout: '5' is not a duration"),
        ({"copies": "/a"}, "listener.copies: there is no such key"),
        ({"keep": "few"}, "listener.keep: must be a whole number, not 'few'"),
        ({"keep": "0"}, "listener.keep: must be at least 1"),
        ({"rollback": "maybe"}, "listener.rollback: must be true or false"),
        ({"tag": "a b"}, "listener.tag: 'a b' is not a tag"),
        ({"tag": "a", "tag.semver": "^1"}, "listener.tag.semver: contradicts listener.tag"),
        ({"health": "x"}, "listener.health: must be a mapping"),
        ({"health.exec": "'"}, "listener.health.exec: is neither a JSON list nor words"),
        ({"health.exec": "[1]"}, "listener.health.exec: "),
        ({"container": "x"}, "listener.container: the labelled container itself is what runs"),
        ({"compose.service": "x"}, "listener.compose: the labelled container itself is what runs"),
        ({"window": "Mo 2:00-3:00"}, "listener.window: Mo is not a day or a span of days"),
        ({"lifecycle.before_stop": "[]"}, "listener.lifecycle.before_stop: give a command like"),
        ({"parallelism": "0"}, "listener.parallelism: must be at least 1"),
        ({"": "x"}, "listener.: there is no such key"),
    ],
)
def test_a_wrong_label_says_what_is_wrong(labels: dict[str, str], sentence: str) -> None:
    with pytest.raises(LabelError) as caught:
        settings_from_labels("web", {f"listener.{k}": v for k, v in labels.items()}, DEFAULTS)
    assert str(caught.value).startswith(sentence)
    assert "; " not in str(caught.value)


def test_every_wrong_label_is_named() -> None:
    labels = {"listener.keep": "x", "listener.window": "Mon", "listener.foo": "1"}
    with pytest.raises(LabelError) as caught:
        settings_from_labels("web", labels, DEFAULTS)
    assert {part.split(":")[0] for part in str(caught.value).split("; ")} == set(labels)


@pytest.mark.parametrize(
    ("labels", "enabled"),
    [({}, False), ({"listener.enable": "true"}, True), ({"listener.enable": "false"}, False)],
)
def test_enabled(labels: dict[str, str], enabled: bool) -> None:
    assert is_enabled(labels) is enabled


@pytest.mark.parametrize(
    ("labelled", "scope", "taken"),
    [(None, None, True), ("blue", "blue", True), ("blue", None, False), (None, "blue", False)],
)
def test_two_listeners_share_an_engine_by_their_scopes(
    labelled: str | None, scope: str | None, taken: bool
) -> None:
    labels = {"listener.enable": "true"} | ({"listener.scope": labelled} if labelled else {})
    assert is_enabled(labels, scope) is taken
    assert settings_from_labels("web", labels, TargetSettings()).container == "web"


def test_a_service_of_compose_may_have_its_tag_written() -> None:
    service = ComposeService(project="shop", service="web")
    settings = settings_from_labels(service, {"listener.compose.write": ".env"}, TargetSettings())
    assert settings.compose is not None
    assert (settings.compose.named, settings.compose.write) == (service, ".env")
    with pytest.raises(LabelError, match=r"listener\.compose: the labelled container itself"):
        settings_from_labels(service, {"listener.compose.project": "other"}, TargetSettings())
