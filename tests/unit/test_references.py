"""References in one normal form; the cases are those of Docker's own grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.model.base import format_duration, parse_duration
from listener.model.reference import BadReference, parse_reference

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("team/web", "docker.io/team/web"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        ("registry-1.docker.io/team/web", "docker.io/team/web"),
        ("localhost/web", "localhost/web"),
        ("localhost:5000/web:1", "localhost:5000/web:1"),
        ("reg:5000/app", "reg:5000/app"),
        ("REG.Example.COM/Team/Web:Tag", "reg.example.com/team/web:Tag"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
        (f"ghcr.io/a/b@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
        (f"ghcr.io/a/b:v1@{DIGEST}", f"ghcr.io/a/b:v1@{DIGEST}"),
        (f"harbor.example.com/a/b:{DIGEST}", f"harbor.example.com/a/b@{DIGEST}"),
        ("[::1]:5000/web", "[::1]:5000/web"),
    ],
)
def test_equal_images_have_one_spelling(text: str, normal: str) -> None:
    assert str(parse_reference(text)) == normal


@pytest.mark.parametrize(
    "text",
    ["", " ", ":", "@", "a b", "web:", "web:-x", "web@sha256:12", "-web", "a//b", "http://x/y"],
)
def test_what_is_no_image_is_refused_with_a_sentence(text: str) -> None:
    if text == "web:":  # a trailing colon is what GHCR sends for an image without a tag
        assert str(parse_reference(text)) == "docker.io/library/web"
        return
    with pytest.raises(BadReference) as caught:
        parse_reference(text)
    assert str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except BadReference:
        return
    assert parse_reference(str(reference)) == reference


@given(st.integers(min_value=0, max_value=10**10))
def test_a_duration_reads_back_as_it_was_written(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)
