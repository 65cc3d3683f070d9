"""How far a pull is, layer by layer, as one sentence for the record."""

from __future__ import annotations

from listener.drivers.image_calls import LayerProgress

_MIB = 2**20
_READY = {"Pull complete", "Already exists", "Download complete"}


class PullProgress:
    """The layers of one pull."""

    def __init__(self) -> None:
        self._layers: dict[str, LayerProgress] = {}

    def layer(self, progress: LayerProgress) -> None:
        """Takes what the engine said of one layer; other lines of its stream count nothing."""
        if progress.id in self._layers or progress.status in _READY or progress.total:
            known = self._layers.get(progress.id)
            if known is not None and not progress.total:
                progress = LayerProgress(
                    progress.id, progress.status, known.total or known.current, known.total
                )
            self._layers[progress.id] = progress

    def sentence(self) -> str | None:
        """ "2 of 5 layers, 12.3 of 40.1 MiB"; None before the first layer is known."""
        if not self._layers:
            return None
        layers = self._layers.values()
        ready = sum(layer.status in _READY for layer in layers)
        total = sum(layer.total or 0 for layer in layers) / _MIB
        current = sum(layer.current or 0 for layer in layers) / _MIB
        return f"{ready} of {len(layers)} layers, {current:.1f} of {total:.1f} MiB"
