"""Tells the tests, while slipcover measures them, which lines of seqcli a process of theirs ran: Python imports this
when it begins, and what was run goes into the folder that SEQCLI_MEASURED names. It takes 2 seconds to make all of
seqcli ready for this: that is done for what forks many; of another process the command line alone is measured."""

import os
import sys

if folder := os.environ.get("SEQCLI_MEASURED"):
    import atexit
    import contextlib
    import json
    from pathlib import Path

    import slipcover

    leave, measured = os._exit, slipcover.Slipcover(branch=True, immediate=True)
    part = "seqcli" if sys.orig_argv[-1].endswith("forks.py") else "seqcli/cli"
    files = slipcover.FileMatcher([Path(__file__).resolve().parents[3] / part])
    slipcover.ImportManager(measured, files).__enter__()

    def tell() -> None:
        """Append what was run since it was told last, a line of JSON."""
        new = {file: list(lines) for file, lines in measured._get_newly_seen().items()}
        with contextlib.suppress(OSError), Path(folder, str(os.getpid())).open("a") as file:
            file.write(json.dumps(new) + "\n")

    def tell_and_leave(status: int) -> None:
        tell()
        leave(status)

    atexit.register(tell)
    os.register_at_fork(before=tell)
    os._exit = tell_and_leave
