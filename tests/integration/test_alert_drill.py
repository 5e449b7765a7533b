"""Things are broken on purpose, and somebody hears of it: the drill of benchmarks/, in a hurry."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
RECEIVERS = {
    "WorkerGone": "team",
    "HighSynthesisLatency": "team",
    "HighErrorRate": "team",
    "RedisUnreachable": "pager",
    "NoWorkerReachable": "pager",
}


@pytest.mark.timeout(420)
def test_the_right_alert_reaches_the_right_receiver_and_its_page_shows_why() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/alert_drill.py", "--hurry"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    news = {one["alert"]: one for one in report["news"]}
    assert {alert: one["receiver"] for alert, one in news.items()} == RECEIVERS, done.stdout
    assert [one for one in news.values() if not one["shows_the_cause"]] == []
