"""Say of each header cell of a table whether it heads a column or a row, for screen readers."""

import re


def add_scopes(app, pagename, templatename, context, doctree):
    """Add the scope to the header cells that pandas and Sphinx write without one."""
    if not doctree:
        return
    for part, scope in (("thead", "col"), ("tbody", "row")):
        context["body"] = re.sub(
            rf"<{part}>.*?</{part}>",
            lambda found, scope=scope: re.sub(
                r"<th(?![^>]*\bscope=)(?=[ >])", f'<th scope="{scope}"', found[0]
            ),
            context["body"],
            flags=re.S,
        )
