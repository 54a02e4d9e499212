"""What a page is about, in a sentence or two: for search engines and for links that are shared."""

from html import escape

from docutils import nodes

QUESTION = "The question."


def describe(doctree, metadata):
    """Return the page's `description:` from its front matter, or else its question."""
    if "description" in metadata:
        return metadata["description"]
    for strong in doctree.findall(nodes.strong):
        if strong.astext() == QUESTION:
            return " ".join(strong.parent.astext().removeprefix(QUESTION).split())
    return ""


def add_description(app, pagename, templatename, context, doctree):
    """Add the description's tag, and hand it on to the OpenGraph tags."""
    if not doctree:
        return
    text = describe(doctree, app.env.metadata[pagename])
    if text:
        context["metatags"] += f'\n<meta name="description" content="{escape(text)}" />'
        context["meta"] = (context["meta"] or {}) | {"og:description": text}
