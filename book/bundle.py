"""Join JavaScript modules into one script, so that a page asks for one file and needs no server.

A browser loads modules over HTTP alone, and so would show no live picture in a page that is opened
from the disk. The modules here import names from each other and export declarations, nothing more:
each becomes a function that returns what it exports, after those that it imports from.
"""

import re
from pathlib import Path

IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";', re.M)
EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function) (\w+))", re.M)


def bundle(folder, entry, made=None):
    """Join a module and all that it imports.

    Parameters
    ----------
    folder : Path
        Where the modules are.
    entry : str
        The module's name, without `.js`.
    made : dict of str, optional
        Modules that have no file: their text by name.

    Returns
    -------
    str
        A script that leaves nothing behind in the page's names.

    Raises
    ------
    ValueError
        When a module imports or exports in a way that is not understood here.
    """
    parts = {}

    def add(name):
        if name in parts:
            return
        text = (made or {}).get(name) or Path(folder, f"{name}.js").read_text(encoding="utf-8")
        for _, other in IMPORT.findall(text):
            add(other)
        exports = ", ".join(EXPORT.findall(text))
        text = EXPORT.sub("", IMPORT.sub(_assignment, text))
        if re.search(r"^(?:import|export)\b", text, re.M):
            raise ValueError(f"{name}.js imports or exports in a way that is not understood here")
        parts[name] = f"const from_{name} = (() => {{\n{text}\nreturn {{ {exports} }};\n}})();\n"

    add(entry)
    return '(() => {\n"use strict";\n' + "".join(parts.values()) + "})();\n"


def _assignment(found):
    names, module = found.groups()
    return f"const {names.replace(' as ', ': ')} = from_{module};"
