"""The file that takes what does not belong on the terminal; it never grows past two times its limit."""

from __future__ import annotations

import io
import tempfile
import threading
from pathlib import Path

import platformdirs

MAX_BYTES = 10 * 2**20


class LogFile(io.TextIOBase):
    """Lines of several writers. A full file becomes `<name>.1` and is begun anew."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        super().__init__()
        self.path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", errors="replace", buffering=1)

    def write(self, text: str) -> int:
        """Append text."""
        with self._lock:
            if self._file.tell() + len(text) > self._max_bytes:
                self._begin_anew()
            return self._file.write(text)

    def write_line(self, line: str) -> None:
        """Append a line."""
        self.write(f"{line}\n")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
        super().close()

    def _begin_anew(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self._file = self.path.open("w", encoding="utf-8", errors="replace", buffering=1)


def open_log(name: str) -> LogFile:
    """The log called `name` in the user's state directory, or in a temporary one where that cannot be written."""
    try:
        directory = platformdirs.user_state_path("voicechat", appauthor=False)
        directory.mkdir(parents=True, exist_ok=True)
        return LogFile(directory / name)
    except OSError:
        return LogFile(Path(tempfile.mkdtemp(prefix="voicechat-")) / name)
