"""Runs a peer's module with as many ONNX Runtime threads as given: `with_threads.py THREADS MODULE [ARGUMENT...]`.

The servers have no option for it, and the runtime's own choice is wrong on a process bound to one core. 0: as it is.
"""

from __future__ import annotations

import runpy
import sys

import onnxruntime


def main() -> None:
    threads = int(sys.argv[1])
    if threads:
        made = onnxruntime.SessionOptions

        def options() -> onnxruntime.SessionOptions:
            session = made()
            session.intra_op_num_threads = threads
            return session

        onnxruntime.SessionOptions = options
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
