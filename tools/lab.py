"""Start JupyterLab on the chapters: what `make lab` does.

Its settings are Binder's, so a click opens a chapter as a notebook there and here.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Become JupyterLab, on port 8888 or the one asked for; the next free one if it is taken."""
    port = sys.argv[1] if len(sys.argv) > 1 else "8888"
    if not port.isdecimal() or int(port) > 65535:
        print(f"PORT is a number up to 65535, such as 8888; given: {port}.", file=sys.stderr)
        return 1
    settings = Path(sys.prefix) / "share/jupyter/lab/settings"
    settings.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "binder" / "overrides.json", settings)
    print("Starting JupyterLab; a click on a chapter opens it as a notebook (Ctrl-C to stop).")
    command = [sys.executable, "-m", "jupyterlab", "--log-level=WARN", "--allow-root"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={ROOT}"]
    command += ["--LabApp.default_url=/lab/tree/book/intro.md"]
    sys.stdout.flush()
    os.execv(sys.executable, command)


if __name__ == "__main__":
    sys.exit(main())
