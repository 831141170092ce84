"""Chapter 6: what none of n excludes, the probability to keep a shower, and the share that comes of it."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_N, _TRUE, _SHOWN = 8, 0.02, 0.4


def check(answer: Any) -> str:
    """Mark the exercise of chapter 6.

    Args:
        answer: the functions ``upper_limit`` and ``keep_probability``, and ``share``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("upper_limit", "keep_probability", "share"))
    limit = number_of(function_of(entries["upper_limit"], "upper_limit")(100), "the upper limit")
    if np.isclose(limit, 1 - 0.95 ** (1 / 100)):
        raise NotYet("upper_limit: at 95 % the probability to see none is 0.05, not 0.95.")
    if np.isclose(limit, 0.05 ** (1 / 100)):
        raise NotYet("upper_limit: (1 - f)^n = 0.05; you have 1 - f.")
    if np.isclose(limit, 0.01):
        raise NotYet("upper_limit: a share of 1/n still shows none in one case of three; at 95 % it is about 3/n.")
    if not np.isclose(limit, 1 - 0.05 ** (1 / 100), rtol=0.03):  # 3/n will do
        raise NotYet(f"upper_limit: for n = 100 it is about 3 %; yours is {limit:.3g}.")
    rare = np.arange(_N) % 3 == 0
    keep = array_from(
        function_of(entries["keep_probability"], "keep_probability")(rare, _TRUE, _SHOWN), (_N,), "the probabilities"
    )
    exact = np.where(rare, _TRUE / _SHOWN, (1 - _TRUE) / (1 - _SHOWN))
    if np.allclose(keep, np.where(rare, 1, exact.min() / exact.max())):
        raise NotYet("keep_probability: common and rare are exchanged; rare showers were shown too often.")
    if np.allclose(keep, exact):
        raise NotYet("keep_probability: values above 1 are no probabilities; divide by the largest.")
    if np.allclose(keep, np.where(rare, _TRUE, 1 - _TRUE)) or np.allclose(keep, np.where(rare, _TRUE / _SHOWN, 1)):
        raise NotYet("keep_probability: true over shown share, for the rare kind and for the common kind; then scale.")
    if not np.allclose(keep, exact / exact.max()):
        raise NotYet("keep_probability: q(x) a(x) has to be proportional to p(x), so a = true share / shown share.")
    share = number_of(entries["share"], "the share")
    if 0.2 < share < 0.9:
        raise NotYet(f"share: {share:.0%} is that of all generated showers; count among those that are kept.")
    if 1 <= share < 2:
        raise NotYet(f"share: give it as a share, 0.01 for 1 %; yours is {share:.2f}.")
    if not 0.004 < share < 0.025:
        raise NotYet(
            f"share: {share:.2%}; it should be near the 1 % of the truth. Draw one random number for each shower of "
            "shown, and keep those whose number is below their probability."
        )
    return f"The rare kind is back with {share:.2%}, although the networks saw half of each kind."
