"""A notice in the words and the JSON that are sent."""

from __future__ import annotations

import json

from listener.model.base import rfc3339
from listener.model.notice import Notice

_DIGEST = 19
"""``sha256:`` and twelve digits."""


def link_to(notice: Notice, admin_url: str | None) -> str | None:
    """Where the dashboard shows the deployment; None where nobody said how it is reached."""
    return f"{admin_url.rstrip('/')}/#/deployments/{notice.deployment}" if admin_url else None


def as_json(notice: Notice, link: str | None) -> bytes:
    """The body of a webhook; the same bytes for the same notice."""
    data = notice.model_dump(mode="json", exclude={"id", "at", "deployment"})
    for name in ("queued_at", "started_at", "finished_at"):
        moment = getattr(notice, name)
        data[name] = rfc3339(moment) if moment is not None else None
    data["source"] = notice.source and notice.source.model_dump()
    body = {
        "type": f"deployment.{notice.state.value}",
        "timestamp": rfc3339(notice.at),
        "data": {"id": notice.deployment, **data, "link": link},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def as_text(notice: Notice, link: str | None, template: str | None) -> tuple[str, str]:
    """Title and text for people. A template's text stands for itself: it comes without a title."""
    title = f"{notice.target} on {notice.host}: {notice.state.value.replace('_', ' ')}"
    values = {
        "target": notice.target,
        "host": notice.host,
        "state": notice.state.value,
        "reason": notice.reason or "",
        "trigger": notice.trigger.value,
        "image": notice.image,
        "tag": notice.tag or "",
        "from": _short(notice.from_digest),
        "to": _short(notice.to_digest),
        "id": notice.deployment,
        "link": link or "",
    }
    if template is not None:
        return "", template.format_map(values)
    tag = f":{notice.tag}" if notice.tag else ""
    lines = [
        notice.reason or "",
        f"{notice.image}{tag}, from {values['from'] or 'nothing known'} to "
        f"{values['to'] or 'nothing known'}",
        f"deployment {notice.deployment}, by {notice.trigger.value}",
        link or "",
    ]
    return title, "\n".join(line for line in lines if line)


def _short(digest: str | None) -> str:
    return (digest or "")[:_DIGEST]
