"""Repairs of what Sphinx and the theme write, for readers who listen to a page.

Two of the theme's templates are replaced by those beside this file: the menu's first line gets
a landmark, and the header goes, which kept the menu's buttons from working.
"""

import re
from pathlib import Path

EMPTY_HEADER = re.compile(r'<th((?: class="head")?)>(?:<p></p>)?</th>')


def use_templates(app, config):
    """Let our templates go before the theme's."""
    config.templates_path.append(str(Path(__file__).with_name("templates")))


def repair_roles(app, pagename, templatename, context, doctree):
    """Make the bibliography's entries items of its list, and empty table headers plain cells.

    Sphinx fills the list with entries of role doc-biblioentry, which is withdrawn from the
    standard and is no list item. A header above the index, which has no name, is pandas'.
    """
    if doctree:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = EMPTY_HEADER.sub(r"<td\1></td>", body)
