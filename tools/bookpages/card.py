"""The picture that stands beside a shared link: the four strategies on one data set.

It has the shape that such previews want, 1200 by 630 pixels, and is drawn by the code of the
book's own figures, so that a strategy looks the same here as on every page.
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure


def draw_card(title):
    """Draw the title and a panel a strategy."""
    from figures import draw_lines, overview_data
    from looks import LOOKS

    from mlmlearn import POST_STRATEGIES, fit

    simulated = overview_data()
    figure = Figure(figsize=(12, 6.3), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.2, h_pad=0.2)
    figure.suptitle(title, fontsize=34, fontweight="bold", x=0.016, ha="left")
    panels = figure.subplots(1, len(POST_STRATEGIES), sharey=True)
    for ax, (name, strategy) in zip(panels, POST_STRATEGIES.items(), strict=True):
        draw_lines(ax, simulated.data, fit(name, simulated))
        color = LOOKS[name].color
        ax.set_title(strategy.label, color=color, fontsize=18, fontweight="bold", loc="left")
        ax.set(xticks=[], yticks=[])
        ax.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("the same people, measured many times, analysed four ways", fontsize=22)
    return figure


def write_card(app, exception):
    """Draw the picture into the site."""
    if exception or app.builder.format != "html":
        return
    sys.path.append(str(Path(app.srcdir) / "book"))
    draw_card(app.config.html_title).savefig(Path(app.outdir) / app.config.ogp_image)
