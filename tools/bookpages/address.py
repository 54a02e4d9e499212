"""Where the project and its pages live: `repository.url` of _config.yml, or the fork that builds.

GitHub tells a workflow which repository it runs for, so a fork's buttons, launch links and
pages lead to the fork with nothing to edit.
"""

import os
from urllib.parse import urlsplit


def repository_url(configured, environment=os.environ):
    """Return the address of the repository that builds the book."""
    if environment.get("GITHUB_REPOSITORY"):
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{environment['GITHUB_REPOSITORY']}"
    return configured


def pages_url(repository):
    """Return the address at which GitHub (or GitLab) publishes a repository's pages.

    >>> pages_url("https://github.com/Someone/book")
    'https://someone.github.io/book/'
    """
    parts = urlsplit(repository)
    owner, name = parts.path.strip("/").split("/")
    host = f"{owner.lower()}.{parts.netloc.removesuffix('.com')}.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_addresses(app, config):
    """Give the theme, the canonical links and the OpenGraph tags the addresses they need."""
    options = config.html_theme_options
    options["repository_url"] = repository_url(options["repository_url"])
    # A domain of one's own is `html.baseurl` in _config.yml.
    config.html_baseurl = config.html_baseurl or pages_url(options["repository_url"])
    config.ogp_site_url = config.html_baseurl
    config.project = config.ogp_site_name = config.html_title
