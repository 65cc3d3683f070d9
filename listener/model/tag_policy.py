"""Which tags a target follows."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, Self

from pydantic import field_validator, model_validator
from semantic_version import NpmSpec, Version

from listener.model.base import Noun
from listener.model.reference import is_tag


class TagPolicy(Noun):
    """Which tags a target follows: exactly one of the four kinds is set."""

    exact: str | None = None
    semver: str | None = None
    glob: str | None = None
    regex: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"exact": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.exact, self.semver, self.glob, self.regex)) != 1:
            raise ValueError(
                'give a tag, or exactly one of {semver: "^1.4"}, {glob: …}, {regex: …}'
            )
        return self

    @field_validator("exact")
    @classmethod
    def _a_tag(cls, value: str | None) -> str | None:
        if value is not None and not is_tag(value):
            raise ValueError(f"{value!r} is not a tag")
        return value

    @field_validator("semver")
    @classmethod
    def _a_range(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                NpmSpec(value)
            except ValueError:
                raise ValueError(f'{value!r} is not a version range like "^1.4"') from None
        return value

    @field_validator("regex")
    @classmethod
    def _a_pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except (re.error, OverflowError, RecursionError) as problem:
                raise ValueError(f"{value!r} is not a regular expression: {problem}") from None
        return value

    def matches(self, tag: str) -> bool:
        """Whether a pushed tag fits."""
        if self.exact is not None:
            return tag == self.exact
        if self.semver is not None:
            version = version_of(tag)
            return version is not None and version in NpmSpec(self.semver)
        if self.glob is not None:
            return fnmatchcase(tag, self.glob)
        return re.fullmatch(self.regex or "", tag) is not None

    def __str__(self) -> str:
        if self.exact is not None:
            return self.exact
        kind = "semver" if self.semver else "glob" if self.glob else "regex"
        return f"{kind} {self.semver or self.glob or self.regex}"


def version_of(tag: str) -> Version | None:
    """The version that a tag spells, with or without a leading ``v``; None for other tags."""
    try:
        return Version(tag.removeprefix("v"))
    except ValueError:
        return None
