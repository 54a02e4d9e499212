"""A Sphinx extension: what the build gives each page beside the theme's own.

`address` says where the project and its pages live, `description` what a page is about,
`top_line` how long it takes and how to run it, `figure_link` where a figure can be had,
`table_headers` what a header cell heads; `accessible` repairs what keeps the pages from readers
with a screen reader; `notebook` makes the notebook that readers download, `entrance` what
stands at the site's own address, `card` the picture of its links.
"""

from . import (
    accessible,
    address,
    card,
    description,
    entrance,
    figure_link,
    notebook,
    table_headers,
    top_line,
)


def without_thebe(app):
    """Unload sphinx-thebe, which jupyter-book loads whether asked to or not.

    The book offers no live code, and the scripts would end in an error on every page: they
    are added twice, and the second declaration of a constant is refused.
    """
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")
        ]
    app.registry.css_files[:] = [
        file for file in app.registry.css_files if file[0] != "sphinx-thebe.css"
    ]


def setup(app):
    """Connect each part to the moment of the build at which it works."""
    without_thebe(app)
    app.connect("config-inited", address.set_addresses)
    app.connect("config-inited", accessible.use_templates)
    app.connect("doctree-read", figure_link.name_code)
    app.connect("doctree-resolved", figure_link.add_links)
    # Before sphinxext.opengraph, which repeats the description, at 500.
    app.connect("html-page-context", description.add_description, priority=400)
    # After the theme has made its buttons, at 501.
    app.connect("html-page-context", top_line.add_line, priority=600)
    # First, since it looks for empty header cells as they come.
    app.connect("html-page-context", accessible.repair_roles)
    app.connect("html-page-context", table_headers.add_scopes)
    app.connect("build-finished", notebook.write_notebooks)
    app.connect("build-finished", card.write_card)
    # After sphinx-external-toc has written its redirect, at 500.
    app.connect("build-finished", entrance.write_entrance, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
