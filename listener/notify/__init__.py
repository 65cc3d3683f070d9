"""Sends notices to who is to be told of them: signed webhooks, and what Apprise knows."""

from listener.notify.senders import NotTaken, Sender, sender_for

__all__ = ["NotTaken", "Sender", "sender_for"]
