"""A target that a profile leaves out, or whose container is gone, is not down; one that is there and silent is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ALONE = 'ip link set lo up; mount --bind "$0" /etc/resolv.conf; exec "$@"'


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="network namespaces need root, unshare and ip",
)
def test_only_what_has_a_name_is_looked_for(tmp_path: Path) -> None:
    for name in ("recording-rules.yml", "alerts.yml"):
        shutil.copy(REPOSITORY / "monitoring" / name, tmp_path)
    shipped = (REPOSITORY / "monitoring/prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(shipped.replace("15s", "1s").replace("scrape_timeout: 5s", ""))
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    inside = ("unshare", "--net", "--mount", "sh", "-ec", ALONE, str(tmp_path / "resolv.conf"))
    looks = subprocess.run(
        [*inside, sys.executable, "-m", "support.discovery", str(tmp_path)],
        cwd=REPOSITORY / "tests",
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert looks.returncode == 0, looks.stderr
    assert json.loads(looks.stdout) == {
        "both": {"prometheus": "up", "orchestrator": "up", "tts-worker": "up"},
        "one": {"prometheus": "up", "orchestrator": "up"},
        "silent": {"prometheus": "up", "orchestrator": "down"},
    }, looks.stderr
