"""Chapter 4: ranks, tail probabilities and intervals from draws, and the showers whose cables were swapped."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of
from caloforge.course.swapped import swapped_rows
from caloforge.errors import NotYet

_N, _M, _SHOWERS = 7, 30, 80


def check(answer: Any) -> str:
    """Mark the exercise of chapter 4.

    Args:
        answer: the functions ``rank``, ``tail_probability`` and ``interval``, and ``tampered``, five rows.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("rank", "tail_probability", "interval", "tampered"))
    rng = np.random.default_rng(4)
    drawn, observed = rng.normal(size=(_N, _M)), rng.normal(size=_N)
    observed[0] = drawn[0].max() + 1
    rank = array_from(function_of(entries["rank"], "rank")(observed, drawn), (_N,), "the ranks of all showers")
    below = (drawn < observed[:, None]).mean(1)
    if np.allclose(rank, 1 - below):
        raise NotYet("rank: it is the share of draws that are less likely than the shower, yours counts the others.")
    if np.allclose(rank, below * _M):
        raise NotYet("rank: divide by the number of draws.")
    if not np.allclose(rank, below):
        raise NotYet("rank: for each row, the share of its own draws that lie below the observed value.")
    tail = array_from(
        function_of(entries["tail_probability"], "tail_probability")(observed, drawn), (_N,), "the tail probabilities"
    )
    above = (drawn >= observed[:, None]).sum(1)
    if np.allclose(tail, above / _M):
        raise NotYet("tail_probability: it is never zero; count the observed shower itself: (1 + #)/(m + 1).")
    if np.allclose(tail, (1 + _M - above) / (_M + 1)):
        raise NotYet("tail_probability: count the draws that are at least as large as the observed value.")
    if not np.allclose(tail, (1 + above) / (_M + 1)):
        raise NotYet("tail_probability: (1 + number of draws at least as large) / (m + 1), row by row.")
    ends = array_from(
        function_of(entries["interval"], "interval")(drawn, 0.8), (2, _N), "the two ends of the intervals"
    )
    if np.allclose(ends, np.quantile(drawn, [0.2, 0.8], axis=1)):
        raise NotYet("interval: between the quantiles 0.2 and 0.8 lie 60 %; at level 0.8 leave 0.1 out at each end.")
    if not np.allclose(ends, np.quantile(drawn, [0.1, 0.9], axis=1)):
        raise NotYet("interval: at level 0.8 it runs from the quantile 0.1 to the quantile 0.9 of each row.")
    return _rows(entries["tampered"])


def _rows(answer: Any) -> str:
    rows = set(array_from(answer, (5,), "the five rows of tampered").tolist())
    right = rows & set(swapped_rows(_SHOWERS).tolist())
    if len(rows) < 5:
        raise NotYet("tampered: a row stands there twice.")
    if len(right) < 5:
        raise NotYet(
            f"tampered: {len(right)} of your five are right. Take (observed - mean of the draws) / their spread, "
            "with the likelihoods of the suspicious showers, and the five lowest."
        )
    return "No profile shows a swapped cable; the likelihood does, since it knows which cells belong together."
