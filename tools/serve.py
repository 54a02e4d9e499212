"""Serve the built site on localhost: what `make serve` does."""

import functools
import sys
import webbrowser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"


def main() -> int:
    """Serve until Ctrl-C; take port 8000, or the one asked for, or any free one."""
    if not (SITE / "index.html").exists():
        print("There is no site yet. Run `make book` first.", file=sys.stderr)
        return 1
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(SITE))
    wanted = sys.argv[1] if len(sys.argv) > 1 else "8000"
    if not wanted.isdecimal() or int(wanted) > 65535:
        print(f"PORT is a number up to 65535, such as 8000; given: {wanted}.", file=sys.stderr)
        return 1
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(wanted)), handler)
    except OSError:  # taken, or not ours to open
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    url = f"http://localhost:{server.server_port}/"
    print(f"Serving the book at {url} (Ctrl-C to stop)")
    webbrowser.open(url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
