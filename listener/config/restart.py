"""What a running process cannot take over: its ports, its data, its engine and its name."""

from __future__ import annotations

from listener.config.settings import Settings

_AT_START = ("listen", "redis", "state_dir", "engine", "host", "history")


def kept_until_restart(running: Settings, new: Settings) -> tuple[Settings, list[str]]:
    """The new settings with what stays as it is, and the keys that wait for the next start."""
    late = [key for key in _AT_START if getattr(new, key) != getattr(running, key)]
    admin = new.admin
    if admin.listen != running.admin.listen:
        late.append("admin.listen")
        admin = admin.model_copy(update={"listen": running.admin.listen})
    kept = {key: getattr(running, key) for key in _AT_START}
    return new.model_copy(update={**kept, "admin": admin}), late
