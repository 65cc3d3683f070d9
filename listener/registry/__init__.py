"""Registries as this program asks them: what a tag means now, and how to log in."""

from listener.registry.credentials import Credentials
from listener.registry.faults import Denied, NotFound, RegistryAway, RegistryFault
from listener.registry.resolver import Resolver

__all__ = ["Credentials", "Denied", "NotFound", "RegistryAway", "RegistryFault", "Resolver"]
