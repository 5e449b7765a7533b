"""Ties a command's life to its parent's, then becomes it: `python -I -S guard.py PARENT_PID PROGRAM [ARGUMENT...]`.

A program of its own, because code between fork and exec is unsafe in a process with threads.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2); the setting survives execve."""


def main() -> None:
    """Ask to be killed with the parent, and run the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # The parent may have died before the request.
        if os.getppid() != parent:
            raise SystemExit(f"process {parent}, which asked for this one, has ended")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
