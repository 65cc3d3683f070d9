"""From a file and the environment to settings, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from listener.config.combinations import check_combinations
from listener.config.document import ConfigError, Document, KeyPath, read_document
from listener.config.quantities import parse_registry_host
from listener.config.secret_values import resolve_secrets
from listener.config.sentences import NO_VALUE, explain, report_errors
from listener.config.settings import LOCAL_ENGINE, Contents, Settings
from listener.model.target import TargetSettings

PLACES = (Path("config/listener.yml"), Path("/etc/listener/listener.yml"))
_SECTIONS = {"admin", "history", "hooks", "registries", "defaults", "targets"}
_NAMED_SECTIONS = {"hooks", "registries", "targets"}


def find_config(explicit: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to load: the one that is named, else the first that is there, else None.

    `explicit` is the command line's; after it comes ``$LISTENER_CONFIG``. Raises ConfigError when
    a file that was named is not there.
    """
    for name, source in (
        (explicit, "--config"),
        (environ.get("LISTENER_CONFIG"), "LISTENER_CONFIG"),
    ):
        if name:
            path = Path(name)
            if not path.is_file():
                what = "is not a file" if path.exists() else "there is no such file"
                raise ConfigError((f"{name}: {what} ({source} names it)",), (path,))
            return path
    return next((path for path in PLACES if path.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a file, or the defaults without one; raises ConfigError with all problems."""
    engine = environ.get("DOCKER_HOST") or LOCAL_ENGINE
    if path is None:
        return Settings.model_construct(**_fields(Contents(), engine))
    document = read_document(path, environ)
    contents = _validated(document)
    targets = _under_defaults(document, contents) if contents is not None else {}
    problems = document.problems()
    files = tuple(dict.fromkeys(document.files))
    if contents is None or problems:
        raise ConfigError(problems, files)
    facts = {"targets": targets, "source": path, "files": files}
    return Settings.model_construct(**_fields(contents, engine) | facts)


def _validated(document: Document) -> Contents | None:
    if document.problems() and not document.contents:
        return None  # not YAML: nothing more can be said
    document.contents = _without_nulls(document, document.contents, ())
    check_combinations(document)
    resolve_secrets(document)
    try:
        return Contents.model_validate(document.contents)
    except ValidationError as error:
        report_errors(document, error, Contents)
        return None


def _fields(contents: Contents, engine: str) -> dict[str, Any]:
    """What the settings hold, registries in normal form."""
    fields: dict[str, Any] = dict(contents)
    if "engine" not in contents.model_fields_set:
        fields["engine"] = engine
    fields["registries"] = {
        parse_registry_host(host): registry for host, registry in contents.registries.items()
    }
    return fields


def _under_defaults(document: Document, contents: Contents) -> dict[str, TargetSettings]:
    """The targets over the defaults; what these two make together may be wrong as well."""
    targets = {}
    for name, target in contents.targets.items():
        try:
            targets[name] = merged(contents.defaults, said(target))
        except ValidationError as error:
            for details in error.errors(include_url=False):
                sentence = explain(details, TargetSettings, None)
                document.report(("targets", name), f"together with defaults: {sentence}")
    return targets


def said(settings: TargetSettings) -> dict[str, object]:
    """Only what was written of a target, in the form that it can be written in."""
    return settings.model_dump(exclude_unset=True)


def merged(defaults: TargetSettings, own: Mapping[str, object]) -> TargetSettings:
    """A target's settings over the defaults; raises ValidationError."""
    return TargetSettings.model_validate(_over(said(defaults), own))


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        # Of a tag's policies there is one: another kind of it takes its place.
        if isinstance(under, dict) and isinstance(value, dict) and key != "tag":
            result[key] = _over(under, value)
        else:
            result[key] = value
    return result


def _without_nulls(
    document: Document, mapping: Mapping[str, object], path: KeyPath
) -> dict[str, object]:
    """A section without content is an empty one; any other key without a value is a mistake.

    The mistake matters: `repositories:` with nothing behind it must not allow everything.
    """
    result: dict[str, object] = {}
    for key, value in mapping.items():
        here = (*path, key)
        if isinstance(value, dict):
            result[key] = _without_nulls(document, value, here)
        elif value is not None:
            result[key] = value
        elif _is_section(here):
            result[key] = {}
        else:
            document.report(here, NO_VALUE)
    return result


def _is_section(path: KeyPath) -> bool:
    if path[-1] == "health":
        return True
    return path[0] in _SECTIONS if len(path) == 1 else _is_named(path)


def _is_named(path: KeyPath) -> bool:
    return len(path) == 2 and path[0] in _NAMED_SECTIONS
