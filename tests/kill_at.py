"""Kill this process at a moment chosen by a test, instead of at a random one.

A run that imports this module is killed when KILL_AT happens for the nth time: `half a part 2` is
when half of the second part is on the disk, `before a part 1` when the first is there in full but
not yet under its name, `after a part 1` when it is; a manifest has the same three moments, and so
has the last manifest, which says that the run has finished; `in a fit 7` speaks for itself.
"""

import json
import os
import signal
from pathlib import Path

import fake_engine

MOMENT, _, NTH = os.environ["KILL_AT"].rpartition(" ")
seen = 0
replace, fit = os.replace, fake_engine.fit


def reached(moment: str) -> bool:
    global seen
    seen += moment == MOMENT
    return moment == MOMENT and seen == int(NTH)


def kill() -> None:
    os.killpg(0, signal.SIGKILL)


def kind(written: Path, name: str) -> str:
    if name.endswith(".parquet"):
        return "a part"
    return "the last manifest" if json.loads(written.read_bytes())["finished"] else "a manifest"


def watched_replace(source: Path, target: Path) -> None:
    what = kind(Path(source), str(target))
    if reached(f"half {what}"):
        os.truncate(source, os.stat(source).st_size // 2)
        kill()
    if reached(f"before {what}"):
        kill()
    replace(source, target)
    if reached(f"after {what}"):
        kill()


def watched_fit(*arguments):
    if reached("in a fit"):
        kill()
    return fit(*arguments)


os.replace, fake_engine.fit = watched_replace, watched_fit
