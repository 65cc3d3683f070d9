"""Every sample, changed a little in many ways: whatever becomes of it, the contract holds."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener.providers import PROVIDERS
from tests.fuzz.cases import case_of, case_of_sample, sample_files
from tests.fuzz.contract import check
from tests.fuzz.mutation import mutated

NAMES = sorted(PROVIDERS)
FILES = sample_files()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_sample_holds_for_every_provider(file: Path) -> None:
    case = case_of_sample(file)
    for name in NAMES:
        check(name, case)
    assert case_of(bytes(case)) == case


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_a_changed_sample_is_parsed_or_not_understood(file: Path, random: Random) -> None:
    case = mutated(case_of_sample(file), random)
    for name in (file.parent.name, "auto", random.choice(NAMES)):
        check(name, case)
