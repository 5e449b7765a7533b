"""The page's own server sends the headers that the API sends with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from voicechat.api.page import SECURITY_HEADERS, Reach, content_security_policy

ROOT = Path(__file__).parents[3]


def test_both_servers_confine_the_page_alike(tmp_path: Path) -> None:
    digests = ["sha256-abc="]
    (tmp_path / "csp-hashes.json").write_text(json.dumps({"script": digests}))
    command = [str(ROOT / "scripts" / "with-node"), "node", "web/scripts/csp-header.mjs", str(tmp_path)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    reach = Reach(rooms=("{$ROOM_ORIGINS}",), embedders=("{$EMBEDDERS:'none'}",))
    headers = SECURITY_HEADERS | {"Content-Security-Policy": content_security_policy(digests, reach)}
    assert printed.splitlines() == [f'header {name} "{value}"' for name, value in headers.items()]
