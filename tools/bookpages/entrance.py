"""The site's address itself: it leads to the first page, and says what is found there.

Sphinx's redirect is empty, so whoever shares the address of the site would share no title,
no description and no picture.
"""

from pathlib import Path

from bs4 import BeautifulSoup

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={first}">
{tags}
</head>
<body><p><a href="{first}">{title}</a></p></body>
</html>
"""


def write_entrance(app, exception):
    """Write index.html with the tags of the page that it leads to."""
    if exception or app.builder.format != "html" or app.config.root_doc == "index":
        return
    first = app.builder.get_target_uri(app.config.root_doc)
    head = BeautifulSoup((Path(app.outdir) / first).read_text("utf-8"), "html.parser").head
    tags = head.select(
        "title, meta[name=description], meta[name^='twitter:'], meta[property^='og:']"
    )
    tags += head.select("link[rel=canonical]")
    page = PAGE.format(
        first=first, title=app.config.html_title, tags="\n".join(str(tag) for tag in tags)
    )
    (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")
