from __future__ import annotations

from voicechat.bench.ttfa import FirstAudio, bars, summarize


def spoke(system: str, sentence: str, gapless_ms: float, underruns: int = 0) -> FirstAudio:
    return FirstAudio(system, sentence, gapless_ms - 1, gapless_ms, gapless_ms + 30, 3.4, underruns)


def test_replies_are_grouped_by_system_and_sentence() -> None:
    rows = summarize([spoke("a", "x", 10), spoke("b", "x", 90), spoke("a", "x", 20, underruns=3)])
    assert [(row["system"], row["gapless_ms"]["p50"], row["replies_with_underruns"]) for row in rows] == [
        ("a", 15.0, 1),
        ("b", 90.0, 0),
    ]


def test_the_soonest_piper_is_what_ours_is_compared_with() -> None:
    rows = summarize(
        [
            spoke("voicechat", "short", 55),
            spoke("voicechat", "long-plain", 100),
            spoke("piper-tts API, 1 thread", "long-plain", 900),
            spoke("piper-tts API, default threads", "long-plain", 490),
            spoke("streaming-vits, 1 thread", "long-plain", 150),
        ]
    )
    assert [(bar.value, bar.met) for bar in bars(rows)] == [(55, True), (100, True), (4.9, False)]


def test_without_peers_there_is_nothing_to_compare_with() -> None:
    assert bars(summarize([spoke("voicechat", "long-plain", 100)]))[2].met is None
