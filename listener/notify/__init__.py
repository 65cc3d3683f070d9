"""Sends notices to who is to be told of them: signed webhooks, what Apprise knows, and GitHub."""

from listener.notify.faults import NotTaken
from listener.notify.github import repository_of
from listener.notify.senders import Sender, sender_for

__all__ = ["NotTaken", "Sender", "repository_of", "sender_for"]
