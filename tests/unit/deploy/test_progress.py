"""How far an act is, as the record and the dashboard show it."""

from __future__ import annotations

from datetime import timedelta

from listener.deploy.progress import ActProgress
from listener.drivers.image_calls import LayerProgress
from listener.model.base import utc_now
from listener.model.deployment import Layer, Proof, Step

STEP = Step(name="pull", started_at=utc_now())
MIB = 2**20


def test_a_pull_is_told_by_layer() -> None:
    progress = ActProgress()
    assert progress.of(STEP) == STEP
    progress.layer(LayerProgress("latest", "Pulling from team/web", None, None))
    progress.layer(LayerProgress("a1", "Downloading", MIB, 4 * MIB))
    progress.layer(LayerProgress("b2", "Already exists", None, None))
    progress.layer(LayerProgress("a1", "Pull complete", None, None))
    shown = progress.of(STEP)
    assert shown.detail == "2 of 2 layers, 4.0 of 4.0 MiB"
    assert shown.layers == (
        Layer(id="a1", status="Pull complete", current=4 * MIB, total=4 * MIB),
        Layer(id="b2", status="Already exists"),
    )


def test_a_watch_is_told_by_its_terms() -> None:
    progress = ActProgress()
    proof = Proof(deadline=utc_now() + timedelta(seconds=60), said="no database\n" + "x" * 500)
    progress.proof(proof)
    shown = progress.of(STEP)
    assert shown.proof is not None
    assert shown.proof.deadline == proof.deadline
    assert shown.detail is not None
    assert shown.detail.startswith("no database")
    assert len(shown.detail) == 200, "what a probe said may be long"
