"""The strategies' colours, as readers with a colour-vision deficiency see them in both themes."""

import re
from itertools import combinations

import numpy as np
import pytest
from colorspacious import cspace_convert
from conftest import ROOT
from looks import LOOKS

from mlmlearn import POST_STRATEGIES, STRATEGIES

# The least distance in CAM02-UCS between any two, simulated deficiencies included. Constraints of
# this kind make the colour sequences of Petroff (2021, arXiv:2107.02270); 20 is twice what Okabe
# and Ito's colours keep in the dark theme (9.4, blue and green under tritanopia). The post's four
# keep that. A search of the colours that stand out from the page found no three more that would
# beside them, so others come a little nearer, and two pairs that no figure shows together more.
APART, APART_FROM_OTHERS, APART_ANYWAY = 20, 16, 6
NEVER_TOGETHER = [{"cluster_robust_cr2", "wild_bootstrap"}, {"mlm_selected", "mlm_penalised"}]
# WCAG 2.1, success criterion 1.4.11, for graphics.
CONTRAST = 3
VISIONS = [None, "deuteranomaly", "protanomaly", "tritanomaly"]

# Luminance of red, green and blue: in WCAG's contrast, and in the hue-rotate of CSS.
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
CSS_LUMINANCE = np.array([0.213, 0.715, 0.072])


def rgb(color):
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def in_the_dark_theme(color):
    """Apply the filter of book.css, as CSS defines it (Filter Effects Module Level 1)."""
    style = (ROOT / "book" / "_static" / "book.css").read_text(encoding="utf-8")
    ((share, degrees),) = re.findall(r"filter: invert\((.*?)\) hue-rotate\((.*?)deg\)", style)
    assert degrees == "180"
    inverted = float(share) * (1 - color) + (1 - float(share)) * color
    # Half a turn leaves the luminance and reverses what lies beside it.
    return np.clip(2 * inverted @ CSS_LUMINANCE - inverted, 0, 1)


def seen_with(vision, color):
    """Simulate full dichromacy after Machado, Oliveira and Fernandes (2009)."""
    if vision is None:
        return color
    space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
    return np.clip(cspace_convert(color, space, "sRGB1"), 0, 1)


def contrast(one, other):
    low, high = sorted(cspace_convert([one, other], "sRGB1", "sRGB1-linear") @ LUMINANCE)
    return (high + 0.05) / (low + 0.05)


COLORS = {name: rgb(look.color) for name, look in LOOKS.items()}
WHITE = rgb("#ffffff")
THEMES = {
    "light": (COLORS, WHITE),
    "dark": (
        {name: in_the_dark_theme(color) for name, color in COLORS.items()},
        in_the_dark_theme(WHITE),
    ),
}


def test_the_dark_theme_turns_white_into_its_own_background():
    # #121212 in the theme.
    np.testing.assert_allclose(THEMES["dark"][1] * 255, 0x12, atol=0.5)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_strategies_look_alike_and_none_like_the_page(theme, vision):
    colors, background = THEMES[theme]
    seen = {
        name: cspace_convert(seen_with(vision, color), "sRGB1", "CAM02-UCS")
        for name, color in {**colors, "background": background}.items()
    }
    often_together = {*POST_STRATEGIES, "background"}
    near = {}
    for one, other in combinations(seen, 2):
        distance = round(float(np.linalg.norm(seen[one] - seen[other])), 1)
        least = APART if {one, other} <= often_together else APART_FROM_OTHERS
        if all({one, other} & pair for pair in NEVER_TOGETHER):
            least = APART_ANYWAY
        if distance < least:
            near[one, other] = distance
    assert not near


def test_every_strategy_has_a_look_of_its_own():
    assert [*LOOKS] == [*STRATEGIES]
    for looks in zip(*LOOKS.values(), strict=True):
        assert len(set(looks)) == len(LOOKS)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_stands_out_from_the_page(theme, strategy):
    colors, background = THEMES[theme]
    assert contrast(colors[strategy], background) >= CONTRAST


def test_okabe_and_itos_own_colours_would_not_do():
    # What the palette was before: bluish green and blue meet in the dark theme.
    green, blue = (
        cspace_convert(
            seen_with("tritanomaly", in_the_dark_theme(rgb(color))), "sRGB1", "CAM02-UCS"
        )
        for color in ("#009E73", "#0072B2")
    )
    assert np.linalg.norm(green - blue) < 10
