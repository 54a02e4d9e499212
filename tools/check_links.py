"""Ask every external link of the book whether it still answers: what `make linkcheck` does.

Sphinx's linkcheck builder asks, without executing a chapter. It loads this module as an
extension, too, for DOIs: doi.org is asked whether one is registered, since many publishers
turn away whatever is not a browser.
"""

import json
import sys

from build_book import ROOT, build, variant_of_config

DOI = "https://doi.org/"


def ask_doi_registry(app, uri):
    """Replace a DOI's address by the registry's answer about it."""
    return f"{DOI}api/handles/{uri.removeprefix(DOI)}" if uri.startswith(DOI) else None


def setup(app):
    """Connect to Sphinx."""
    app.connect("linkcheck-process-uri", ask_doi_registry)
    return {"version": "1", "parallel_read_safe": True}


def main() -> int:
    """Check, list the broken links, and return the exit status."""
    # jupyter-book calls every builder's folder html; this one must not end up in the site.
    output = ROOT / "_build" / "linkcheck"
    answers = output / "_build" / "html" / "output.json"
    answers.unlink(missing_ok=True)

    def without_execution(config: dict) -> None:
        config["execute"]["execute_notebooks"] = "off"
        config["sphinx"].setdefault("local_extensions", {})["check_links"] = "tools"
        config["sphinx"]["config"] |= {
            # What chapters would compute is missing, and no concern here.
            "suppress_warnings": ["mystnb", "ref", "myst"],
            "linkcheck_timeout": 30,
            "linkcheck_retries": 3,
            # These pages make their anchors by JavaScript.
            "linkcheck_anchors_ignore_for_url": ["https://github.com/.*"],
        }

    print("Asking the links; this takes a minute or two.", flush=True)
    config = variant_of_config("linkcheck", without_execution)
    options = ["--builder", "linkcheck", "--config", str(config), "--path-output", str(output)]
    status = build(*options, quiet=True)
    if not answers.exists():
        print(f"The links could not be checked (exit status {status}).", file=sys.stderr)
        return 1
    links = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    external = [link for link in links if link["status"] not in ("unchecked", "local", "ignored")]
    broken = [link for link in external if link["status"] in ("broken", "timeout")]
    for link in sorted(broken, key=lambda link: (link["filename"], link["lineno"])):
        print(f"{link['filename']}:{link['lineno']}: {link['uri']}: {link['info']}")
    print(f"{len(external)} links asked, {len(broken)} of them broken.")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
