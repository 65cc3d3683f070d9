"""Notifications of the container registry of a GitLab that one runs oneself.

Source: https://docs.gitlab.com/administration/packages/container_registry/, section "Configure
container registry notifications". GitLab's registry is a fork of CNCF Distribution and sends its
envelopes, with whatever headers the administrator sets. Of its registry GitLab.com sends nothing:
the webhooks of a project (``X-Gitlab-Event``) are about git and name no image.
"""

from __future__ import annotations

from listener.providers.distribution import Distribution
from listener.providers.events import Parsed, Request, Sender
from listener.providers.payload import header, shown


class GitLab(Distribution):
    """See the module."""

    name = "gitlab"
    token_headers = ("x-gitlab-token",)

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The tagged manifests of an envelope, see `Distribution`; none of an event about git."""
        event = header(request, "x-gitlab-event")
        if not event:
            return super().parse(request, sender)
        reason = (
            f"{shown(event)} is an event about git and names no image: let the CI job that pushes"
            " the image call a hook of the provider generic"
        )
        return Parsed((), (reason,))
