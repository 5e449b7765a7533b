from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.tts.engine import never
from voicechat.tts.engines.piper.decoder import (
    BACK_MARGIN,
    FIRST_FRAMES,
    HURRIED_FRAMES,
    WholeDecoder,
    WindowedDecoder,
    chunks,
    front_windows,
    windowing_error,
)
from voicechat.tts.engines.piper.sessions import Faster, Runner, Tensor

REACH = 5
STEPS, HOP = 2, 6
lengths = st.integers(1, 900)
first_chunks = st.sampled_from([HURRIED_FRAMES, FIRST_FRAMES])


class Blur:
    """A graph whose output depends on `reach` places to each side, and is `longer` times as long as its input."""

    def __init__(self, name: str, reach: int, longer: int) -> None:
        self._name = name
        self._reach = reach
        self._longer = longer
        self.hurried: list[bool] = []

    def run(
        self, feeds: Mapping[str, Tensor], outputs: Sequence[str] | None = None, *, hurry: bool = False
    ) -> list[Tensor]:
        self.hurried.append(hurry)
        kernel = np.arange(1, 2 * self._reach + 2, dtype=np.float32)
        given = feeds[self._name][0, 0]
        blurred = np.convolve(np.pad(given, self._reach), kernel, "valid")
        return [np.repeat(blurred, self._longer)[None, None]]


def decoder(margin: int = REACH) -> tuple[WindowedDecoder, Blur, Blur]:
    front, back = Blur("latent", REACH, STEPS), Blur("coarse", BACK_MARGIN * STEPS, HOP // STEPS)
    made = WindowedDecoder(cast(Runner, front), cast(Runner, back), "latent", "coarse", margin)
    return made, front, back


def latent_of(frames: int) -> Tensor:
    return np.random.default_rng(frames).integers(-9, 9, (1, 1, frames)).astype(np.float32)


@settings(deadline=None)
@given(frames=lengths, hurried=st.booleans())
def test_windows_join_to_the_whole_at_any_length(frames: int, hurried: bool) -> None:
    windowed, _, _ = decoder()
    latent = latent_of(frames)

    made = np.concatenate(list(windowed.parts(latent, {}, lambda: hurried)))

    assert np.array_equal(made, windowed.whole(latent, {}))


@settings(deadline=None)
@given(frames=lengths, first=first_chunks)
def test_chunks_and_windows_cover_a_segment_once_and_in_order(frames: int, first: int) -> None:
    for cover in (list(chunks(frames, first)), list(front_windows(frames, first))):
        assert [start for start, _ in cover] == [0, *(end for _, end in cover[:-1])]
        assert cover[-1][1] == frames
        assert all(start < end for start, end in cover)


@settings(deadline=None)
@given(frames=lengths, first=first_chunks)
def test_the_first_chunk_is_small_and_no_last_one_is_a_splinter(frames: int, first: int) -> None:
    sizes = [end - start for start, end in chunks(frames, first)]

    assert sizes[0] <= first * 1.5
    assert min(sizes) >= min(frames, first / 2)


@settings(deadline=None)
@given(frames=lengths)
def test_the_first_part_is_made_in_a_hurry_and_no_other(frames: int) -> None:
    windowed, front, back = decoder()
    list(windowed.parts(latent_of(frames), {}, lambda: True))

    for graph in (front, back):
        assert graph.hurried[0] and not any(graph.hurried[1:])


def test_the_first_part_is_smaller_in_a_hurry() -> None:
    windowed, _, _ = decoder()

    hurried = next(windowed.parts(latent_of(400), {}, lambda: True))
    calm = next(windowed.parts(latent_of(400), {}, never))

    assert (hurried.size, calm.size) == (HURRIED_FRAMES * HOP, FIRST_FRAMES * HOP)


def test_a_margin_that_is_too_small_shows_in_the_check() -> None:
    enough, too_small = decoder()[0], decoder(margin=REACH - 1)[0]
    latent = latent_of(400)

    assert windowing_error(enough, latent, {}) == 0
    assert windowing_error(too_small, latent, {}) > 1e-3


def test_a_graph_that_is_not_cut_gives_one_part() -> None:
    whole = WholeDecoder(cast(Runner, Blur("latent", REACH, HOP)), "latent")

    assert [part.size for part in whole.parts(latent_of(50), {}, never)] == [50 * HOP]


def ways_taken(faster: Faster, seconds: tuple[float, float], amount: int) -> list[int]:
    taken = []
    for _ in range(150):
        way = faster.choose(amount)
        taken.append(way)
        faster.took(way, seconds[way], amount)
    return taken


def test_the_way_that_was_faster_is_taken_and_the_other_tried_again_after_a_while() -> None:
    taken = ways_taken(Faster(), (1.0, 2.0), amount=1)

    assert 0.9 < taken.count(0) / len(taken) < 1


def test_short_and_long_runs_each_take_the_way_that_is_faster_for_them() -> None:
    faster = Faster()

    assert ways_taken(faster, (1.0, 2.0), amount=40).count(0) > 100
    assert ways_taken(faster, (2.0, 1.0), amount=300).count(1) > 100
    assert faster.choose(40) == 0


@pytest.mark.parametrize("kept", ["", "{", '{"seams": {}}'])
def test_what_is_kept_and_cannot_be_read_is_made_anew(tmp_path: Path, kept: str) -> None:
    from voicechat.tts.engines.piper.parts import _read

    (tmp_path / "seams.json").write_text(kept)
    assert _read(tmp_path) is None
