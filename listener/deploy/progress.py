"""How far an act is while it goes on, for the record: a pull by layer, a watch by its terms."""

from __future__ import annotations

from datetime import datetime

from listener.drivers.image_calls import LayerProgress
from listener.model.deployment import Layer, Proof, Step

_MIB = 2**20
_READY = {"Pull complete", "Already exists", "Download complete"}
_LONGEST_SAID = 200


class ActProgress:
    """What is known of one act under way."""

    def __init__(self) -> None:
        self._layers: dict[str, LayerProgress] = {}
        self._proofs: dict[str, Proof] = {}

    def layer(self, progress: LayerProgress) -> None:
        """Takes what the engine said of one layer; other lines of its stream count nothing."""
        if progress.id in self._layers or progress.status in _READY or progress.total:
            known = self._layers.get(progress.id)
            if known is not None and not progress.total:
                progress = LayerProgress(
                    progress.id, progress.status, known.total or known.current, known.total
                )
            self._layers[progress.id] = progress

    def proof(self, proof: Proof, of: str = "") -> None:
        """Takes how a watched container stands; `of` tells it from others of its batch."""
        said = proof.said.strip()[:_LONGEST_SAID] if proof.said else None
        self._proofs[of] = proof.model_copy(update={"said": said})

    @property
    def _proof(self) -> Proof | None:
        """How the one stands that has the longest way to go."""
        proofs = self._proofs.values()
        return max(proofs, key=lambda one: (not one.settles_at, _until(one)), default=None)

    def of(self, step: Step) -> Step:
        """The step under way with what is known of it."""
        layers = tuple(
            Layer(id=one.id, status=one.status, current=one.current, total=one.total)
            for one in self._layers.values()
        )
        facts = {"layers": layers, "proof": self._proof, "detail": self._sentence() or step.detail}
        return step.model_copy(update=facts)

    def _sentence(self) -> str | None:
        """ "2 of 5 layers, 12.3 of 40.1 MiB"; None before the first layer is known."""
        if not self._layers:
            return self._proof.said if self._proof else None
        layers = self._layers.values()
        ready = sum(layer.status in _READY for layer in layers)
        total = sum(layer.total or 0 for layer in layers) / _MIB
        current = sum(layer.current or 0 for layer in layers) / _MIB
        return f"{ready} of {len(layers)} layers, {current:.1f} of {total:.1f} MiB"


def _until(proof: Proof) -> datetime:
    return proof.settles_at or proof.deadline
