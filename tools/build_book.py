"""Execute every chapter and build the site: what `make book` does.

Where R is missing, the chapters that need it (`needs_r: true` in their front matter) are
shown without being executed, so that the rest of the book can still be built and read.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = Path("_build/html/index.html")
# Said once a chapter; the kernel listens on this machine only.
NOISE = "Kernel is running over TCP without encryption"


def needs_r(chapter: Path) -> bool:
    """Read the chapter's front matter."""
    text = chapter.read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1]) if text.startswith("---") else {}
    return bool(front.get("needs_r"))


def run(command: list[str]) -> int:
    """Run a command, pass its output on without the noise, and return its exit status."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if NOISE not in line:
                print(line, end="", flush=True)
    return process.returncode


def main() -> int:
    """Build, report, and return the exit status."""
    have_r = bool(shutil.which("R")) and importlib.util.find_spec("pymer4") is not None
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [str(jupyter_book), "build", ".", "--all", "--keep-going", "-q"]
    if have_r:
        command.append("-W")
    else:
        skipped = sorted(c.name for c in (ROOT / "book").glob("*.md") if needs_r(c))
        config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
        config["execute"]["exclude_patterns"] = skipped
        # jupyter-book looks for them beside the configuration, which moves.
        local = config["sphinx"]["local_extensions"]
        config["sphinx"]["local_extensions"] = {k: str(ROOT / v) for k, v in local.items()}
        # The numbers and figures that these chapters would compute are missing from the text.
        config["sphinx"]["config"]["suppress_warnings"] = ["mystnb.glue", "ref.numref"]
        partial = ROOT / "_build" / "config-without-r.yml"
        partial.parent.mkdir(exist_ok=True)
        partial.write_text(yaml.safe_dump(config), encoding="utf-8")
        command += ["--config", str(partial)]
    # A page of an earlier build must not survive.
    shutil.rmtree(ROOT / "_build" / "html", ignore_errors=True)
    print("Executing the chapters and building the site takes a minute or two.", flush=True)
    if run(command) != 0:
        print("The book was not built; the reason stands above.", file=sys.stderr)
        return 1
    if not have_r:
        print("R or pymer4 is missing, so these chapters were not executed:", ", ".join(skipped))
        print("To execute them, install R with lme4, lmerTest, emmeans and sandwich (on Debian or")
        print("Ubuntu the packages of binder/apt.txt), then call `make book` again.")
    print(f"The book is in {SITE}; `make serve` opens it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
