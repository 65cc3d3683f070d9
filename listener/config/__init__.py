"""The configuration: a YAML file, the environment and mounted secrets, or container labels."""

from listener.config.document import ConfigError
from listener.config.hook import Hook, Oidc, Rate
from listener.config.labels import LabelError, is_enabled, settings_from_labels
from listener.config.load import find_config, load
from listener.config.quantities import Address
from listener.config.restart import kept_until_restart
from listener.config.settings import Admin, History, Registry, Settings
from listener.config.watch import changes

__all__ = [
    "Address",
    "Admin",
    "ConfigError",
    "History",
    "Hook",
    "LabelError",
    "Oidc",
    "Rate",
    "Registry",
    "Settings",
    "changes",
    "find_config",
    "is_enabled",
    "kept_until_restart",
    "load",
    "settings_from_labels",
]
