from __future__ import annotations

from prometheus_client import CollectorRegistry

from voicechat.observability.rejections import Rejections


def test_reasons_that_are_expected_are_shown_before_anybody_is_refused() -> None:
    registry = CollectorRegistry()
    rejections = Rejections(registry)
    rejections.expect(["busy", "host"])
    rejections.count("host")
    found = {
        reason: registry.get_sample_value("voicechat_admission_rejected_total", {"reason": reason})
        for reason in ("busy", "host", "unheard_of")
    }
    assert found == {"busy": 0, "host": 1, "unheard_of": None}
