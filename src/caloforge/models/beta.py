r"""The weight :math:`\beta` of the KL term during training: fixed, annealed, or cyclical.

Annealed: 0 up to the start of ``warmup``, then a straight line up to its end. Cyclical: that many rises from 0,
each over the first half of its cycle and then held (arXiv:1903.10145). ``progress`` is the part of training done.
"""

__all__ = ["BetaSchedule", "beta_at"]

from typing import Literal

BetaSchedule = Literal["fixed", "annealed", "cyclical"]


def beta_at(progress: float, beta: float, schedule: BetaSchedule, warmup: tuple[float, float], cycles: int) -> float:
    """The weight at this point of training; ``beta`` at its end, whatever the schedule.

    Args:
        progress: part of training done, 0 to 1.
        beta: the final weight.
        schedule: how it gets there.
        warmup: where an annealed rise starts and ends, as parts of training.
        cycles: rises of a cyclical schedule.

    Source: Fu et al., arXiv:1903.10145 (cyclical).
    """
    if schedule == "fixed":
        return beta
    if schedule == "cyclical":
        place = progress * cycles % 1.0 if progress < 1.0 else 1.0
        return beta * min(1.0, 2 * place)
    start, end = warmup
    return beta * min(1.0, max(0.0, (progress - start) / max(end - start, 1e-9)))
