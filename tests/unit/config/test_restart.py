"""What a reload takes over, and what it leaves for the next start."""

from __future__ import annotations

from pydantic import SecretStr

from listener.config import Admin, Settings, kept_until_restart
from listener.web.auth import Gate


def test_ports_data_and_names_stay_and_are_named() -> None:
    running = Settings(host="here", admin=Admin(token=SecretStr("old")))
    listen = {"listen": "127.0.0.1:9000", "token": "new"}
    new = Settings.model_validate(
        {"host": "there", "concurrency": 9, "admin": listen, "redis": "redis://other:6379/0"}
    )
    taken, late = kept_until_restart(running, new)
    assert late == ["redis", "host", "admin.listen"]
    assert (taken.host, taken.redis, taken.admin.listen) == ("here", None, running.admin.listen)
    assert taken.concurrency == 9
    assert taken.admin.token == SecretStr("new")
    # Put back as it was, there is nothing to say.
    assert kept_until_restart(taken, running.model_copy()) == (running, [])


def test_a_new_admin_token_ends_what_the_old_one_began() -> None:
    gate = Gate(True, SecretStr("old"))
    before = gate.sessions
    gate.replace_token(SecretStr("old"))
    assert gate.sessions is before
    gate.replace_token(SecretStr("new"))
    assert gate.is_token("new")
    assert not gate.is_token("old")
    assert gate.sessions is not before
    gate.replace_token(None)
    assert gate.sessions is None
