"""Sample rate conversion of live audio, where a delay costs more than a perfect filter gains.

libswresample's short filter holds back 1 ms (2 ms from 8 kHz) and gives the rest at once, with images 60 dB down; soxr
collects blocks of up to 37 ms, which everything that listens would wait for.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.audio
import numpy as np
from av.filter import Graph

from voicechat.audio.pcm import Pcm16

_NOTHING = np.zeros(0, np.int16)


class LiveResampler:
    """Converts int16 mono chunks of any size to `to_hz`; a chunk of another rate begins a new stream.

    The filter's delay is filled with silence at the beginning, so that whole frames in are whole frames out.
    """

    def __init__(self, to_hz: int) -> None:
        self._to_hz = to_hz
        self._from_hz = 0
        self._filter: Graph | None = None

    def push(self, pcm: Pcm16, from_hz: int) -> Pcm16:
        """Everything that can be told of the stream so far."""
        if not pcm.size:
            return _NOTHING
        if from_hz == self._to_hz:
            self._filter = None
            return pcm
        if self._filter is not None and from_hz == self._from_hz:
            return _through(self._filter, _frame(pcm, from_hz))
        self._from_hz = from_hz
        self._filter = _filter(from_hz, self._to_hz)
        first = _through(self._filter, _frame(pcm, from_hz))
        return np.pad(first, (max(0, pcm.size * self._to_hz // from_hz - first.size), 0))

    def finish(self) -> Pcm16:
        """What the filter still holds; the next chunk begins a new stream."""
        ending, self._filter = self._filter, None
        return _through(ending, None) if ending is not None else _NOTHING


def _filter(from_hz: int, to_hz: int) -> Graph:
    """What `av.AudioResampler` makes, without the threads that it starts for each stream and never uses."""
    graph = Graph()
    graph.threads = 1
    source = graph.add("abuffer", sample_rate=f"{from_hz}", sample_fmt="s16", channel_layout="mono")
    converted = graph.add("aformat", sample_rates=f"{to_hz}", sample_fmts="s16", channel_layouts="mono")
    graph.link_nodes(source, converted, graph.add("abuffersink")).configure()
    return graph


def _frame(pcm: Pcm16, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _through(graph: Graph, frame: av.AudioFrame | None) -> Pcm16:
    """What comes out when `frame` goes in; None: no more goes in."""
    graph.push(frame)
    parts = [piece.to_ndarray().reshape(-1).astype(np.int16, copy=False) for piece in _pulled(graph)]
    return np.concatenate(parts) if parts else _NOTHING


def _pulled(graph: Graph) -> Iterator[av.AudioFrame]:
    while True:
        try:
            piece = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(piece, av.AudioFrame)
        yield piece
