"""The right answers of the tests' small assignment: quick, since a hundred notebooks are graded."""

import numpy as np


def close(given, right):
    """Tell whether numbers are equal but for rounding."""
    given = np.ravel(np.asarray(given, dtype=float))
    return given.shape == np.ravel(right).shape and bool(np.allclose(given, right, rtol=1e-6))


def same(given, right):
    """Tell whether two texts are equal but for case and blanks."""
    return "".join(str(given).split()).casefold() == right


def tiny(student_id):
    """Return the right answers."""
    n = len(student_id)
    first = n + 0.5
    return {"first": first, "many": [1, 2, n], "label": "two_stage", "third": 10 * first}


def tiny_given(student_id, question, own):
    """Yield what is right for whoever goes on from their own first answer."""
    if question == "q3" and "first" in own:
        yield {"third": 10 * float(own["first"])}
