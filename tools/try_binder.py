"""Start the book as Binder does, without Docker, and run every chapter there: `make binder`.

The steps are those of the Dockerfile that repo2docker writes: the packages of apt.txt, an
environment with repo2docker's own versions of Jupyter, a copy of the repository, postBuild.
Then the server that Binder starts opens each chapter as a notebook and runs its cells, on one
core. A chapter must stay within Binder's memory and a reader's patience.

Give names of chapters to run only these.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil
import repo2docker
import websocket
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "binder"
MEMORY_MB = 1500
SECONDS = 60


def chapters() -> list[str]:
    """Pages of the table of contents, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def dockerfile(repository: Path) -> str:
    """Ask repo2docker for the Dockerfile it would build an image from; it needs no Docker."""
    command = [str(Path(sys.executable).with_name("jupyter-repo2docker")), "--no-build", "--debug"]
    # Binder's user is number 1000; whoever calls this may be root, whom repo2docker refuses.
    command += ["--user-id", "1000", "--user-name", "jovyan", str(repository)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def jupyter_of_binder() -> list[str]:
    """List what repo2docker installs to start a server, in the versions it locks."""
    runtime = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    lock = (
        Path(repo2docker.__file__).parent
        / "buildpacks/conda"
        / (f"environment.py-{runtime.removeprefix('python-')}-linux-64.lock")
    )
    names = ("ipykernel", "jupyter_server", "jupyterlab", "notebook")
    pins = re.findall(rf"/({'|'.join(names)})-([\d.]+)-[^/]*$", lock.read_text("utf-8"), re.M)
    assert len(pins) == len(names), pins
    return [f"{name}=={version}" for name, version in pins]


def make_image(folder: Path) -> dict[str, str]:
    """Copy the repository, build both environments; return the environment variables."""
    home, prefix = folder / "home", folder / "notebook"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / name)
    docker = dockerfile(home)
    for package in (ROOT / "binder" / "apt.txt").read_text(encoding="utf-8").split():
        assert re.search(rf"apt-get install .*\b{re.escape(package)}\b", docker), package
    assert "RUN ./binder/postBuild" in docker
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "MAKE", "VIRTUAL_ENV", "PYTHON"))
    }
    environment |= {
        "HOME": str(home),
        "NB_PYTHON_PREFIX": str(prefix),
        "PATH": f"{prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    pip = [f"{prefix}/bin/python", "-m", "pip", "install", "--quiet", *jupyter_of_binder()]
    subprocess.run(pip, env=environment, check=True)
    subprocess.run(["bash", "binder/postBuild"], cwd=home, env=environment, check=True)
    return environment


class Server:
    """The server that Binder starts, on a free port of this machine and on one core."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
        command += ["jupyter", "notebook", "--ip=127.0.0.1", f"--port={port}", "--no-browser"]
        command += ["--allow-root", f"--IdentityProvider.token={TOKEN}"]
        log = folder / "server.log"
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=folder / "home", env=environment, stdout=file, stderr=file
            )
        while self.process.poll() is None:
            try:
                self.ask("status")
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"The server did not start:\n{log.read_text('utf-8')}")

    def ask(self, path: str, method: str = "GET", /, **body: object) -> dict:
        """Call the server's REST interface."""
        request = urllib.request.Request(
            f"http://{self.address}/api/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read() or "{}")

    def use(self) -> tuple[float, float]:
        """Measure the server, its kernels and their workers: megabytes, processor seconds."""
        memory = seconds = 0.0
        parent = psutil.Process(self.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            try:
                memory += process.memory_info().rss / 1e6
                seconds += sum(process.cpu_times()[:4])  # its own and those of its dead children
            except psutil.NoSuchProcess:
                continue
        return memory, seconds

    def stop(self) -> None:
        """End the server, and with it its kernels."""
        self.process.terminate()
        self.process.wait()


@dataclass
class Outcome:
    """What a chapter took; `figure` is None where no cell shows one.

    Processor seconds are what counts: on one core that does nothing else they are the time a
    reader waits, and a busy machine does not change them.
    """

    name: str
    seconds: float = 0
    processor: float = 0
    figure: float | None = None
    megabytes: float = 0
    errors: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        """Say what is wrong, in a sentence each."""
        found = list(self.errors)
        if self.processor > SECONDS:
            found.append(f"took {self.processor:.0f} s of a core, more than {SECONDS} s")
        if self.megabytes > MEMORY_MB:
            found.append(f"used {self.megabytes:.0f} MB, more than {MEMORY_MB} MB")
        return found


def run_cells(server: Server, kernel: str, cells: list[dict], outcome: Outcome) -> None:
    """Run the code cells one after the other, as "Run All Cells" does."""
    start = time.monotonic()
    channel = websocket.create_connection(
        f"ws://{server.address}/api/kernels/{kernel}/channels?token={TOKEN}", timeout=600
    )
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        message = uuid.uuid4().hex
        header = {"msg_id": message, "msg_type": "execute_request", "session": kernel}
        header |= {"username": "", "version": "5.3"}
        content = {"code": cell["source"], "silent": False, "stop_on_error": True}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        channel.send(json.dumps({**request, "channel": "shell", "buffers": []}))
        while True:
            reply = json.loads(channel.recv())
            if reply["parent_header"].get("msg_id") != message:
                continue
            content = reply["content"]
            if "image/svg+xml" in content.get("data", {}) and outcome.figure is None:
                outcome.figure = time.monotonic() - start
            if reply["msg_type"] == "error":
                outcome.errors.append(f"{content['ename']}: {content['evalue']}")
            if reply["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        if outcome.errors:
            break
    channel.close()
    outcome.seconds = time.monotonic() - start


def try_chapter(server: Server, page: str) -> Outcome:
    """Open the chapter through the server and run it in a kernel of its own."""
    outcome = Outcome(Path(page).name)
    document = server.ask(f"contents/{page}.md?type=notebook&content=1")
    kernel_name = document["content"]["metadata"].get("kernelspec", {}).get("name", "python3")
    done = Event()
    before = server.use()[1]

    def watch() -> None:
        while not done.wait(0.1):
            memory, seconds = server.use()
            outcome.megabytes = max(outcome.megabytes, memory)
            outcome.processor = max(outcome.processor, seconds - before)

    watcher = Thread(target=watch)
    watcher.start()
    notebook = {"path": f"{page}.md", "name": outcome.name, "type": "notebook"}
    session = server.ask("sessions", "POST", **notebook, kernel={"name": kernel_name})
    try:
        run_cells(server, session["kernel"]["id"], document["content"]["cells"], outcome)
    finally:
        done.set()
        watcher.join()
        server.ask(f"sessions/{session['id']}", "DELETE")
    return outcome


def main() -> int:
    """Build, run the chapters, print the table, and return the exit status."""
    pages = chapters()
    if wanted := sys.argv[1:]:
        unknown = set(wanted) - {Path(page).name for page in pages}
        if unknown:
            print(f"No chapter of _toc.yml is called {', '.join(unknown)}.", file=sys.stderr)
            return 1
        pages = [page for page in pages if Path(page).name in wanted]
    failed = False
    with tempfile.TemporaryDirectory(prefix="binder-") as name:
        folder = Path(name)
        print("Building what Binder would build; this takes a few minutes.", flush=True)
        server = Server(folder, make_image(folder))
        print(
            f"{'chapter':<24}{'core s':>8}{'seconds':>9}{'first figure':>14}{'MB':>7}", flush=True
        )
        try:
            for page in pages:
                outcome = try_chapter(server, page)
                figure = "" if outcome.figure is None else f"{outcome.figure:.0f}"
                row = f"{outcome.name:<24}{outcome.processor:>8.0f}{outcome.seconds:>9.0f}"
                print(f"{row}{figure:>14}{outcome.megabytes:>7.0f}", flush=True)
                for complaint in outcome.complaints():
                    failed = True
                    print(f"  {outcome.name} {complaint}", file=sys.stderr, flush=True)
        finally:
            server.stop()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
