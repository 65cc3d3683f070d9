"""Whoever writes a bad file gets every mistake, its line, and what to write instead."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from listener.config import ConfigError, load
from listener.config.settings import Contents

HOOK = "hooks: {h: {provider: generic, token: t, "
TARGET = "targets: {web: {container: web, "

MISTAKES = [
    (
        "targets: {web: {service: shop_web,\n strategy: start-first}}",
        "2: targets.web.strategy: is for Swarm to say: .* update configuration",
    ),
    (
        "targets: {web: {service: shop_web,\n health: {http: 'http://:8000/'}}}",
        "2: targets.web.health.http: is not for a Swarm service, .* give its image",
    ),
    (
        "targets: {web: {service: shop_web,\n release: [migrate]}}",
        "2: targets.web.release: is not for a Swarm service, whose tasks run on any node",
    ),
    (
        "targets: {web: {service: shop_web,\n rollout: {group: web}}}",
        "2: targets.web.rollout: is for Swarm to say: .* update configuration",
    ),
    (
        "targets: {web: {service: shop_web,\n parallelism: 2}}",
        "2: targets.web.parallelism: is for Swarm to say: .* update configuration",
    ),
    (TARGET + "\n parallelism: 0}}", "2: targets.web.parallelism: must be at least 1"),
    (TARGET + "\n rollout: {parallelism: 2}}}", "2: targets.web.rollout.group: is missing"),
    (
        TARGET + "\n rollout: {group: a b}}}",
        "2: targets.web.rollout.group: 'a b' is not a name of letters, digits, '.', '_' and '-'",
    ),
    # YAML itself
    ("listen: [", "1: is not YAML: "),
    ("a: 1\n\tb: 2", "2: is not YAML: .*tabs"),
    ("hooks: {h: {token: ${X}}}", r'1: is not YAML: .*write "\$\{NAME\}" in quotes'),
    ("- a\n- b", "1: must hold keys with values"),
    ("a: 1\n---\nb: 2", "2: is not YAML: "),
    ("host: a\nhost: b", "2: host: is given twice, first in line 1"),
    ("? [a]\n: b", "1: a key must be text"),
    ("host: !secret a", "1: host: has the tag '!secret'"),
    ("hooks: &a\n  h: *a", "2: hooks.h: refers to itself"),
    ("host: '\x01'", "1: has a character that YAML does not allow"),
    ('host: "\\UFFFFFFFF"', "1: has an escape that means nothing"),
    # the environment
    (
        "\nhost: ${NOPE}",
        r"2: host: the environment has no NOPE: set it, or write \$\{NOPE:-default",
    ),
    ("host: ${no-pe}", r"1: host: write \$\{NAME\} or"),
    ("host: '${A'", r"1: host: write \$\{NAME\} or"),
    # unknown keys
    ("lisen: 1", r"1: lisen: there is no such key \(did you mean listen\?\)"),
    ("source: x", "1: source: there is no such key"),
    ("admin:\n  tokn_file: x", r"2: admin.tokn_file: there is .*did you mean token_file\?"),
    (TARGET + "\n health: {tiemout: 5s}}}", r"2: targets.web.health.tiemout: .*mean timeout\?"),
    (TARGET + "\n tag: {semvr: x}}}", r"2: targets.web.tag.semvr: .*mean semver\?"),
    # types and YAML's traps
    (TARGET + "\n tag: 1.10}}", '2: targets.web.tag: 1.10 is a number to YAML: .*quotes, "1.10"'),
    (TARGET + "\n tag: on}}", '2: targets.web.tag: on is true or false to YAML: .*"on"'),
    (TARGET + "\n keep: yes}}", "2: targets.web.keep: must be a whole number"),
    (TARGET + "\n keep: 0}}", "2: targets.web.keep: must be at least 1, not 0"),
    (TARGET + "\n keep: few}}", "2: targets.web.keep: must be a whole number, not 'few'"),
    (TARGET + "\n rollback: 7}}", "2: targets.web.rollback: must be true or false, not 7"),
    (TARGET + "\n reconcile: 30}}", "2: targets.web.reconcile: a duration needs a unit: write 30s"),
    (TARGET + "\n reconcile: soon}}", "2: targets.web.reconcile: 'soon' is not a duration"),
    (
        TARGET + "\n health: 5}}",
        "2: targets.web.health: must be a mapping of keys to values, not 5",
    ),
    (TARGET + "\n health: {exec: pg}}}", "2: targets.web.health.exec: must be a list, not 'pg'"),
    (
        TARGET + "\n health: {http: 'http://:99999/'}}}",
        "2: targets.web.health.http: .* not an addr",
    ),
    (TARGET + "\n health: {tcp: ':70000'}}}", "2: targets.web.health.tcp: .* is not a port like"),
    (TARGET + "\n health: {http: ready}}}", "2: targets.web.health.http: 'ready' is not an addr"),
    (TARGET + "\n strategy: recrate}}", r"2: targets.web.strategy: must be one .*mean recreate\?"),
    (TARGET + "\n image: a/b:1}}", "2: targets.web.image: 'a/b:1': give the repository alone"),
    (TARGET + "\n tag: {semver: ^1, glob: b}}}", "2: targets.web.tag: give a tag, or exactly one"),
    (TARGET + "\n tag: 'a b'}}", "2: targets.web.tag: 'a b' is not a tag"),
    (TARGET + "\n tag: {regex: '('}}}", "2: targets.web.tag.regex: '\\(' is not a regular expr"),
    (TARGET + "\n host: }}", "2: targets.web.host: has no value"),
    ("max_body: 1 megabyte", "1: max_body: '1 megabyte' is not a size: write it like 1MiB"),
    ("listen: 8080", "1: listen: 8080 is not an address: write it like 127.0.0.1:8080"),
    ("listen: a:99999", "1: listen: 99999 is not a port"),
    ("hooks: []", "1: hooks: must be a mapping of keys to values, not a list"),
    ("engine: ssh-thing", "1: engine: 'ssh-thing' is not an address of an engine"),
    ("host: a b", "1: host: 'a b' is not a name"),
    # hooks
    ("hooks:\n  a b: {provider: generic, token: t}", "2: hooks.'a b': cannot be a name"),
    ("hooks:\n  h: {provider: generic}", "2: hooks.h: anybody could call this hook"),
    ("hooks:\n  h: {token: t}", "2: hooks.h.provider: is missing"),
    ("hooks:\n  h:\n    provider: dockrhub\n    token: t", r"3: hooks.*\(did you mean dockerhub\?"),
    (HOOK + "\n unauthenticated: true}}", "2: hooks.h.unauthenticated: contradicts token"),
    (HOOK + "\n tokens: [t]}}", "2: hooks.h.tokens: give either this or token, not both"),
    (HOOK + "\n repositories: }}", "2: hooks.h.repositories: has no value"),
    (HOOK + "\n repositories: []}}", "2: hooks.h.repositories: is empty"),
    (HOOK + "\n allow_cidrs: [10.0.0.1/8]}}", r"2: hooks.h.allow_cidrs\[0\]: .*mean 10.0.0.0/8\?"),
    (HOOK + "\n allow_cidrs: ['::/0']}}", r"2: hooks.h.allow_cidrs\[0\]: ::/0 lets everybody in"),
    (HOOK + "\n registry: https://a/}}", "2: hooks.h.registry: 'https://a/' is not a registry"),
    ("hooks: {h: {provider: dockerhub,\n hmac_secret: s}}", "2: hooks.h.hmac_secret: dockerhub si"),
    ("hooks: {h: {provider: github,\n hmac_secret: []}}", "2: hooks.h.hmac_secret: is an empty li"),
    # registries
    ("registries:\n  https://a/: {}", "2: registries.https://a/: 'https://a/' is not a registry"),
    (
        "registries:\n  a: {username: u}",
        "2: registries.a.username: needs password or password_file",
    ),
    (
        "registries:\n  a: {password: u}",
        "2: registries.a.password: needs username or username_file",
    ),
    (
        "registries:\n  a.b: {aliases: [x.y]}\n  c.d: {aliases: [X.y]}",
        r"3: registries.c.d.aliases\[0\]: x.y already names the registry a.b",
    ),
    ("registries:\n  a.b: {aliases: [c.d]}\n  c.d: {}", r"2: registries.a.b.aliases\[0\]: c.d alr"),
    ("registries:\n  docker.io: {}\n  index.docker.io: {}", "3: registries.index.docker.io: docke"),
    # targets
    ("targets:\n  web:", "2: targets.web: say what runs"),
    ("targets:\n  a@b: {container: c}", "2: targets.a@b: cannot be a name"),
    ("targets:\n  web: {container: /web}", "2: targets.web.container: '/web' cannot name a cont"),
    (
        "targets:\n  a: {container: c}\n  b:\n    host: h\n    container: c",
        "5: targets.b.container: c is already the container of target a",
    ),
    (TARGET + "\n window: 2-5 UTC}}", "2: targets.web.window: 2-5 is not a day or a span of days"),
    (TARGET + "\n window: 02:00}}", "2: targets.web.window: 02:00 is not a span of hours: write"),
    (TARGET + "\n window: 7}}", "2: targets.web.window: 7 is not a window: write it like"),
    (TARGET + "\n approve: later}}", "2: targets.web.approve: must be true or false, not 'later'"),
    (TARGET + "\n verify: {}}}", "2: targets.web.verify.cosign_key: is missing"),
    # notify
    ("notify:\n- {url: hello}", r"2: notify\[0\]: url: is not an address that Apprise knows"),
    ("notify:\n- {url: 'slakc://a'}", r"2: notify\[0\]: url: is not an address that Apprise knows"),
    ("notify:\n- {on: [failed]}", r"2: notify\[0\]: give url, url_file or github"),
    ("notify:\n- {url: 'https://a.b/in'}", r"2: notify\[0\]: needs signing_secret or signing_sec"),
    (
        "notify:\n- {url: 'json://a.b', signing_secret: s}",
        r"2: notify\[0\]: signing_secret is for http:// and https:// addresses",
    ),
    (
        "notify:\n- {url: 'https://a.b', signing_secret: 'whsec_-'}",
        r"2: notify\[0\]: signing_secret: what follows whsec_ is not base64",
    ),
    (
        "notify:\n- {url: 'https:///', signing_secret: s}",
        r"2: notify\[0\]: url: is not an address like https://ops.example.com/in",
    ),
    (
        "notify:\n- {url: 'https://a.b', signing_secret: s, template: x}",
        r"2: notify\[0\]: template: a webhook gets JSON",
    ),
    (
        "notify:\n- url: 'json://a.b'\n  template: '{target.name}'",
        r"3: notify\[0\].template: there is no \{target.name\}: it may name target, host",
    ),
    ("notify:\n- url: 'json://a.b'\n  template: '{'", r"3: notify\[0\].template: is not a templ"),
    (
        "notify:\n- url: 'json://a.b'\n  on: [rolledback]",
        r"3: notify\[0\].on\[0\]: must be one of waiting, .*\(did you mean rolled_back\?\)",
    ),
    ("notify:\n- url: 'json://a.b'\n  onn: []", r"3: notify\[0\].onn: .*did you mean on\?"),
    ("notify:\n- {github: github.com}", r"2: notify\[0\]: needs token or token_file beside github"),
    (
        "notify:\n- {github: 'github.com/team/web', token: t}",
        r"2: notify\[0\].github: 'github.com/team/web' is not a server like github.com",
    ),
    (
        "notify:\n- {github: github.com, token: t, on: [failed]}",
        r"2: notify\[0\]: on: does not go with github",
    ),
    (
        "notify:\n- {github: github.com, token: t, environment: '{tag}'}",
        r"2: notify\[0\].environment: there is no \{tag\}: it may name target, host",
    ),
    ("notify:\n- {url: 'json://a.b', token: t}", r"2: notify\[0\]: token: is for an entry with gi"),
    ("admin:\n  url: listener", "2: admin.url: 'listener' is not an address like https://"),
    ("defaults: {image: a/b}", "1: defaults.image: belongs to one target and has no default"),
    (
        "targets: {web: {service: web, host: docker-1}}",
        "1: targets.web.host: a service is on a swarm and not on one host: leave this out",
    ),
    (
        "notify: [{github: github.com, token: a}, {github: github.com, token: b}]",
        r"1: notify\[1\].github: github.com has an entry already: give one token",
    ),
    ("defaults:\n  keep: 0", "2: defaults.keep: must be at least 1"),
    ("listen: 0.0.0.0:8081", "1: listen: the admin port .* cannot be the same"),
    ("admin:\n  listen: :8080", "2: admin.listen: the admin port .* cannot be the same"),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_each_mistake_has_its_line_and_a_sentence(problems, text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert re.match(expected, found[0]), found[0]


def test_six_mistakes_are_six_lines_in_the_order_of_the_file(problems) -> None:
    text = """\
        listen: 8080
        concurency: 3
        hooks:
          hub:
            provider: dockerhub
        targets:
          web:
            container: web
            tag: 1.10
            reconcile: 30
            strategy: hot
        """
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        ["1", "listen"],
        ["2", "concurency"],
        ["4", "hooks.hub"],
        ["9", "targets.web.tag"],
        ["10", "targets.web.reconcile"],
        ["11", "targets.web.strategy"],
    ]


def test_no_message_shows_a_secret(problems) -> None:
    text = """\
        admin: hunter2
        redis: redis//:hunter2@here
        hooks:
          a: hunter2
          b: {provider: github, token: [hunter2, 7002], tokn: hunter2, token_file: hunter2}
        registries: {r.io: {password: {a: hunter2}}}
        """
    found = problems(text)
    assert len(found) >= 6
    assert [line for line in found if "hunter2" in line or "7002" in line] == [
        line for line in found if "token_file: hunter2 cannot be read" in line
    ]


def _loads_or_says_why(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "listener.yml"
        file.write_bytes(raw)
        try:
            problems: tuple[str, ...] | None = None
            load(file, {"A": "a"})
        except ConfigError as error:
            problems = error.problems
    assert problems != ()
    for problem in problems or ():
        assert re.match(re.escape(str(file)) + r":[1-9]\d*: \S", problem)
        assert "\n" not in problem
        problem.encode()


@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
@hypothesis_settings(max_examples=150, deadline=None)
def test_any_bytes_load_or_are_explained(raw: bytes) -> None:
    _loads_or_says_why(raw)


_KEYS = st.sampled_from(
    sorted(
        {*Contents.model_fields, "web", "hub", "token", "token_file", "provider", "aliases", "tag"}
        | {"semver", "regex", "container", "host", "health", "http", "exec", "keep", "reconcile"}
        | {"allow_cidrs", "registry", "repositories", "image", "username", "password", "notify"}
    )
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(["web", "generic", "10s", "${A}", "${B}", "0.0.0.0:80", "1.2.3.4/8", "^1.4"]),
)
_YAML = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.one_of(_KEYS, _SCALARS), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(st.dictionaries(_KEYS, _YAML, max_size=8))
@hypothesis_settings(max_examples=200, deadline=None)
def test_any_mapping_loads_or_is_explained(mapping: dict[str, object]) -> None:
    _loads_or_says_why(yaml.safe_dump(mapping, allow_unicode=True).encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 5000,
        b"a: " + b"9" * 5000,
        b"keep: 0b_",
        b"host: !!int ''",
        b"listen: " + b"0x" + b"f" * 5000,
        b'host: "\\ud800"',
        b'hooks: {"\\ud800": {}}',
        b"a: &a [1,1,1,1,1,1,1,1,1]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefghi"
        ),
        b"targets: {w: {container: c, tag: {regex: 'a{99999999999}'}}}",
        b"defaults: {reconcile: " + b"9" * 400 + b"d}",
        b"<<: [1]",
        b"<<: {host: a}",
        b"\xff\xfea\x00",
    ],
)
def test_hostile_files_are_explained(raw: bytes) -> None:
    _loads_or_says_why(raw)
