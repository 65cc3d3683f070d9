"""Output of containers as lines that are safe to show.

Without a terminal the engine sends frames: one byte that names the stream (1 standard output,
2 standard error), three zero bytes, the length as four bytes big endian, then the data
(Docker Engine API, "ContainerAttach", stream format). With a terminal the bytes come as they are.
"""

from __future__ import annotations

import re
import struct
from collections import deque
from collections.abc import AsyncIterable

LONGEST_LINE = 2000
_HEADER = struct.Struct(">BxxxL")
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(line: str) -> str:
    """One line without terminal escapes and control characters, at most 2000 characters.

    Of a line that was drawn over with carriage returns, what stood there last remains.
    """
    drawn = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
    return _CONTROLS.sub("", drawn)[:LONGEST_LINE]


class _Tail:
    """The last lines of several streams in the order in which they ended."""

    def __init__(self, keep: int) -> None:
        self._lines: deque[str] = deque(maxlen=keep)
        self._open: dict[int, bytes] = {}

    def feed(self, stream: int, data: bytes) -> None:
        *whole, rest = (self._open.get(stream, b"") + data).split(b"\n")
        self._lines.extend(clean(line.decode(errors="replace")) for line in whole)
        self._open[stream] = rest[-4 * LONGEST_LINE :] if len(rest) > 64 * 1024 else rest

    def lines(self) -> list[str]:
        for rest in self._open.values():
            if rest:
                self._lines.append(clean(rest.decode(errors="replace")))
        self._open.clear()
        return list(self._lines)


class Output:
    """Gathers a container's output; `lines` may be asked at any moment, also after a break-off."""

    def __init__(self, keep: int, *, terminal: bool) -> None:
        self._tail = _Tail(keep)
        self._terminal = terminal
        self._buffer = bytearray()

    async def read(self, chunks: AsyncIterable[bytes]) -> None:
        """Reads until the stream ends."""
        async for chunk in chunks:
            if self._terminal:
                self._tail.feed(1, chunk)
            else:
                self._buffer.extend(chunk)
                self._take_frames()

    def _take_frames(self) -> None:
        position = 0
        while len(self._buffer) - position >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._buffer, position)
            end = position + _HEADER.size + length
            if len(self._buffer) < end:
                break
            self._tail.feed(stream, bytes(self._buffer[position + _HEADER.size : end]))
            position = end
        del self._buffer[:position]

    def lines(self) -> list[str]:
        """The last lines that came, oldest first."""
        return self._tail.lines()
