"""Build the chapters and run the tests that call R as another processor would round.

On another processor lme4 adds the same numbers in another order, and where it stops moves with
the last digits. Handing it the rows of every person in another order does the same on one
machine (other_rounding.R). Whatever the chapters and the tests say of lme4 must hold all the
same. `make other-rounding ORDER=1` calls this; every ORDER is another order.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import build_book

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "_build/other-rounding"
# Large enough for lme4's last digits to move, and so well behaved that nothing else does.
PROBE = """
import hashlib, json
from mlmlearn import Condition, fit, simulate

data = simulate(Condition(100, 25, 1), seed=0)
result = fit("mlm_full", data, engine="pymer4")
print(json.dumps({
    "data": hashlib.sha256(data.data.to_numpy().tobytes()).hexdigest(),
    "estimates": result.coefs["estimate"].tolist(),
    "ses": result.coefs["se"].tolist(),
}))
"""


def environment(order: int | None) -> dict[str, str]:
    """Return this process's environment, with the row order in it that R's profile asks for."""
    kept = {k: v for k, v in os.environ.items() if k not in ("R_PROFILE_USER", "ROW_ORDER")}
    if order is None:
        return kept
    profile = Path(__file__).with_suffix(".R")
    return kept | {"R_PROFILE_USER": str(profile), "ROW_ORDER": str(order)}


def probe(order: int | None) -> dict:
    """Draw a data set and fit it in a process of its own, in some order or in none."""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(
        command, env=environment(order), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def changes(order: int) -> dict[str, float]:
    """Say what an order changes: the largest move of an estimate and of an SE, in SEs.

    Raises
    ------
    SystemExit
        When the data are not the same, or the fit is: then nothing would be shown.
    """
    usual, other = probe(None), probe(order)
    pairs = {name: list(zip(usual[name], other[name], usual["ses"], strict=True))
             for name in ("estimates", "ses")}  # fmt: skip
    moved = {name: max(abs(b - a) / se for a, b, se in found) for name, found in pairs.items()}
    if usual["data"] != other["data"]:
        raise SystemExit("The order of rows has changed the data, which it must not.")
    if not 0 < moved["ses"] < 0.01 or not moved["estimates"] < 0.01:
        raise SystemExit(f"The order of rows should change the last digits alone, not {moved}.")
    return moved


def main() -> int:
    """Check that the order matters, build, test, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("order", type=int, help="1, 2, 3, ...: each is another order of rows")
    parser.add_argument("part", nargs="?", choices=["chapters", "tests"], help="only this part")
    arguments = parser.parse_args()
    if arguments.order < 1:
        parser.error("the order is a number from 1 on")
    moved = changes(arguments.order)
    print(f"Order {arguments.order}: in one large fit an SE moves by {moved['ses']:.0e} of itself.")
    os.environ.update(environment(arguments.order))
    failed = []
    if arguments.part != "tests":
        print("Executing the chapters takes a minute or two.", flush=True)
        if build_book.build("-W", "--path-output", FOLDER) != 0:
            failed.append("the chapters")
    # These look at built pages; what fits in them are the chapters.
    pages = [f"--ignore=tests/test_{name}.py" for name in ("book", "site", "browser")]
    if arguments.part != "chapters":
        cores = ["--numprocesses", "auto", "--dist", "worksteal"]
        command = [sys.executable, "-m", "pytest", *cores, "-m", "needs_r", *pages]
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append("the tests")
    if failed:
        print(f"Under row order {arguments.order} {' and '.join(failed)} fail.", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
