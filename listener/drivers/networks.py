"""Which networks a container is connected to, and what of that its user chose.

The engine's answer mixes both: the address that it assigned stands beside the one that the user
asked for. Posted are aliases, wanted addresses, links, driver options and the priority of the
gateway; never what was assigned.
"""

from __future__ import annotations

import re
from typing import Any

from listener.drivers.snapshot import CloneError, Document, Setting, Snapshot

MANY_AT_CREATE = (1, 44)
"""From here on all networks are given at create, and a MAC address belongs to an endpoint."""
_ENDPOINT_SYSCTLS = (1, 46)
_GATEWAY_PRIORITY = (1, 48)
_SYSCTLS_OPTION = "com.docker.network.endpoint.sysctls"
_OF_ETH0 = re.compile(r"(net\.[^.]+\.[^.]+)\.eth0\.(.+)")
_ADDRESSES = ("IPv4Address", "IPv6Address", "LinkLocalIPs")


def joins_container(old: Snapshot) -> bool:
    """Whether the container lives in the network of another one."""
    return str(old.host.get("NetworkMode", "")).startswith("container:")


def has_own_name(old: Snapshot) -> bool:
    """Whether the container may have a host name; else it shares the machine's or another's."""
    return not joins_container(old) and old.host.get("UTSMode") != "host"


def network_name(old: Snapshot) -> str:
    """The network mode with one name for each network: not its id, and `bridge` for the default."""
    mode = str(old.host.get("NetworkMode") or "default")
    if mode == "default":
        return "bridge"
    for name, endpoint in old.endpoints.items():
        if mode not in old.endpoints and mode == endpoint.get("NetworkID"):
            return name
    return mode


def connects(old: Snapshot) -> bool:
    """Whether the container is connected to networks at all."""
    return not joins_container(old) and network_name(old) not in {"host", "none"}


def plan_endpoints(old: Snapshot, setting: Setting) -> dict[str, dict[str, Any]]:
    """What to post for each network, that of the network mode first.

    Raises CloneError for a container that was cut off from all its networks, since creating it
    would connect it again.
    """
    if not connects(old):
        return {}
    main = network_name(old)
    if not old.endpoints:
        if old.config.get("NetworkDisabled"):
            return {}
        raise CloneError(
            f"the container is configured for the network {main} but was disconnected from it;"
            " connect it again, or create it with --network none"
        )
    names = sorted(old.endpoints, key=lambda name: (name != main, name))
    planned = {name: endpoint_settings(name, old.endpoints[name], old) for name in names}
    if main not in planned:
        return planned
    option = sysctls_option(old, setting)
    if option:
        planned[main]["DriverOpts"] = option
    if setting.api >= MANY_AT_CREATE and old.config.get("MacAddress"):
        planned[main]["MacAddress"] = old.config["MacAddress"]
    if setting.api < _GATEWAY_PRIORITY:
        for endpoint in planned.values():
            endpoint.pop("GwPriority", None)
    return planned


def endpoint_settings(name: str, endpoint: Document, of: Snapshot) -> dict[str, Any]:
    """What the user chose for one network; nothing for what the engine filled in."""
    wanted = endpoint.get("IPAMConfig") or {}
    # Once each: the engine adds the host name as an alias, so a carried one would be doubled.
    aliases = [
        alias for alias in dict.fromkeys(endpoint.get("Aliases") or ()) if alias != of.short_id
    ]
    chosen = {
        # The default network knows no aliases and refuses them.
        "Aliases": aliases if name != "bridge" else [],
        "IPAMConfig": {key: wanted[key] for key in _ADDRESSES if wanted.get(key)},
        "Links": endpoint.get("Links"),
        "DriverOpts": dict(endpoint.get("DriverOpts") or {}),
        "GwPriority": endpoint.get("GwPriority"),
    }
    return {key: value for key, value in chosen.items() if value}


def interface_sysctls(old: Snapshot, setting: Setting) -> dict[str, str]:
    """The sysctls of eth0 that have to move to the main network's endpoint.

    Since API 1.46 an endpoint takes them, under the name IFNAME; since 1.48 the engine refuses
    them in HostConfig.
    """
    if setting.api < _ENDPOINT_SYSCTLS or network_name(old) not in old.endpoints:
        return {}
    sysctls = old.host.get("Sysctls") or {}
    return {name: value for name, value in sysctls.items() if _OF_ETH0.fullmatch(name)}


def sysctls_option(old: Snapshot, setting: Setting) -> dict[str, str]:
    """The driver options of the main network's endpoint with the moved sysctls among them."""
    moved = interface_sysctls(old, setting)
    if not moved:
        return {}
    options = dict(old.endpoints[network_name(old)].get("DriverOpts") or {})
    texts = [_OF_ETH0.sub(r"\1.IFNAME.\2", name) + f"={value}" for name, value in moved.items()]
    if options.get(_SYSCTLS_OPTION):
        texts.insert(0, options[_SYSCTLS_OPTION])
    return options | {_SYSCTLS_OPTION: ",".join(texts)}
