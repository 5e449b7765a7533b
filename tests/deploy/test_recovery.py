"""Backup, everything removed, restore: the key that was made before opens the door again."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
from deploy.compose import Installation


def test_everything_comes_back_from_a_backup(installed: Installation, key: str, tmp_path: Path) -> None:
    archive = installed.run("deploy/backup", timeout_s=120).stdout.strip()
    saved = shutil.copy(installed.directory / archive, tmp_path / "saved.tar.gz")
    installed.remove()
    for name in ("secrets", ".env.prod", ".env", "Caddyfile", "configs"):
        path = installed.directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    installed.run("deploy/restore", str(saved), timeout_s=120)
    installed.compose("up", "-d", "--wait", timeout_s=300)

    spoken = httpx.post(
        f"http://127.0.0.1:{installed.ports['API_PORT']}/synthesize",
        json={"text": "Back again."},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert spoken.status_code == 200
