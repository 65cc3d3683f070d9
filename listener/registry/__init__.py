"""Registries as this program asks them: what a tag means now, and how to log in."""

from listener.registry.cosign import NotSigned, check_signed, read_key
from listener.registry.credentials import Credentials
from listener.registry.faults import Denied, LeftAlone, NotFound, RegistryAway, RegistryFault
from listener.registry.patience import Asks, Limits, Patient
from listener.registry.resolver import Resolver

__all__ = [
    "Asks",
    "Credentials",
    "Denied",
    "LeftAlone",
    "Limits",
    "NotFound",
    "NotSigned",
    "Patient",
    "RegistryAway",
    "RegistryFault",
    "Resolver",
    "check_signed",
    "read_key",
]
