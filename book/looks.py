"""How each strategy looks, everywhere in the book."""

from typing import NamedTuple

__all__ = ["LOOKS", "Look"]


class Look(NamedTuple):
    """A hexadecimal colour, and matplotlib's marker and line style, so that none stands alone."""

    color: str
    marker: str
    linestyle: str | tuple


# The post's four have Okabe and Ito's colours, moved a little so that they stay apart under each
# colour-vision deficiency, on white and in a dark theme. The others are dark relatives of theirs,
# almost as far apart; tests/test_palette.py measures it. More than eight cannot be, so the last two
# are near those of CR2 and the wild bootstrap, with which no figure shows them.
LOOKS = {
    "mlm_full": Look("#0055A4", "o", "-"),
    "mlm_uncorrelated": Look("#00066C", "v", (0, (6, 1, 1, 1, 1, 1))),
    "mlm_intercept": Look("#DE6500", "s", "--"),
    "cluster_robust": Look("#339E80", "^", "-."),
    "cluster_robust_cr2": Look("#324C00", "P", (0, (4, 1))),
    "wild_bootstrap": Look("#863353", "X", (0, (1, 3))),
    "two_stage": Look("#BF78CB", "D", ":"),
    "mlm_selected": Look("#625C73", "p", (0, (3, 1, 1, 1))),
    "mlm_penalised": Look("#240700", "h", (0, (8, 2))),
}
