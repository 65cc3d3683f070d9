"""The JSON Schema of the configuration file, for editors: ``python -m listener.config.schema``.

It is made from the settings' models, with what only the file knows: mounted secrets, references to
the environment, and the shorthands for addresses, rates and tags.
"""

from __future__ import annotations

import json
from typing import Any

from listener.config.combinations import OWN_KEYS
from listener.config.secret_values import SECRETS, Secret
from listener.config.settings import Contents
from listener.model.base import format_duration

Schema = dict[str, Any]
_MODELS = {"admin": "Admin", "hooks": "Hook", "registries": "Registry", "notify": "Notifier"}
_FROM_ENVIRONMENT: Schema = {"type": "string", "pattern": r"\$\{"}
_RATE: Schema = {
    "description": "So many requests in a second, minute or hour.",
    "type": "string",
    "pattern": r"^\s*\d{1,9}\s*/\s*[smh]\s*$",
    "examples": ["60/m"],
}
_ADDRESS: Schema = {
    "description": "host:port to listen on; an absent host is every interface.",
    "type": "string",
    "pattern": r":\d{1,5}$",
    "examples": ["127.0.0.1:8081"],
}


def schema() -> Schema:
    """The schema as plain values, always the same for the same models."""
    whole = Contents.model_json_schema()
    models: dict[str, Schema] = whole.pop("$defs")
    models["Address"], models["Rate"] = _ADDRESS, _RATE
    models["TagPolicy"] = _tag_policy(models["TagPolicy"])
    for secret in SECRETS:
        owner = models[_MODELS[secret.section[0]]] if secret.section else whole
        _add_secret(owner, secret)
    models["Defaults"] = _defaults(models["TargetSettings"])
    whole["properties"]["defaults"] = {"$ref": "#/$defs/Defaults"}
    result = _tidy(whole | {"$defs": models})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of listener",
        **result,
    }


def _tag_policy(policy: Schema) -> Schema:
    kinds = {name: {"type": "string"} for name in policy["properties"] if name != "exact"}
    rules = {
        "type": "object",
        "properties": kinds,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"description": policy["description"], "anyOf": [{"type": "string"}, rules]}


def _add_secret(model: Schema, secret: Secret) -> None:
    text: Schema = {"type": "string", "minLength": 1}
    either: Schema = {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}
    for key in secret.spellings:
        model["properties"][key] = either if secret.many else text


def _defaults(target: Schema) -> Schema:
    properties = {key: value for key, value in target["properties"].items() if key not in OWN_KEYS}
    description = "What every target and every labelled container has unless it says otherwise."
    return target | {"properties": properties, "description": description}


def _tidy(node: Any) -> Any:
    """Without generated titles and nulls, and with the environment allowed for every scalar."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    default = node.get("default")
    if isinstance(default, float):  # every one is a duration
        node = node | {"default": format_duration(default)}
    elif isinstance(default, dict) and default.keys() == {"host", "port"}:
        node = node | {"default": f"{default['host']}:{default['port']}"}
    elif isinstance(default, dict) or default is None:
        node = {key: value for key, value in node.items() if key != "default"}
    options = [option for option in node.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return _tidy({key: value for key, value in node.items() if key != "anyOf"} | options[0])
    names = {"properties", "$defs"}
    tidied = {
        key: {name: _tidy(inner) for name, inner in value.items()} if key in names else _tidy(value)
        for key, value in node.items()
        if key != "title"
    }
    if node.get("type") in ("integer", "boolean") or {"enum", "const", "pattern"} & node.keys():
        about = {key: tidied.pop(key) for key in ("default", "description") if key in tidied}
        return {"anyOf": [tidied, _FROM_ENVIRONMENT]} | about
    return tidied


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
