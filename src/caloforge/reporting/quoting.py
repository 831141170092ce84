"""Fitted parameters as a physicist quotes them: value ± error in percent and MeV, limits at a bound, chi2/ndf."""

__all__ = ["parameter_words", "quality_words", "quoted"]

import math

from caloforge.metrics.fits import DOUBTFUL, chance

_SHOWN = {  # law and parameter: factor, unit
    "linearity.slope": (100.0, "%"),
    "linearity.offset": (1.0, "MeV"),
    "resolution.stochastic": (100.0, "% √GeV"),
    "resolution.constant": (100.0, "%"),
    "resolution.noise": (1000.0, "MeV"),
}


def quoted(value: float, error: float) -> str:
    """Value and error with as many places as the error's two leading digits have.

    Args:
        value: any number.
        error: its standard error; where it is not finite or not positive, four digits of the value stand alone.
    """
    if not (math.isfinite(value) and math.isfinite(error)) or error <= 0:
        return f"{value:.4g}"
    places = min(max(1 - math.floor(math.log10(error)), 0), 12)
    if max(abs(value), error) < 1e-3:
        power = math.floor(math.log10(max(abs(value), error)))
        places = max(places + power, 0)
        return f"({value / 10.0**power:.{places}f} ± {error / 10.0**power:.{places}f})e{power}"
    return f"{value:.{places}f} ± {error:.{places}f}"


def parameter_words(
    law: str, parameter: str, value: float, error: float, limit: float | None = None, unit: str = ""
) -> str:
    """A fitted parameter with its unit: ``12.00 ± 0.63 % √GeV``, or a limit where it lies at its bound.

    Args:
        law: its name.
        parameter: its name.
        value: of the fit.
        error: its standard error.
        limit: upper limit at 95 %, where the parameter lies at its bound.
        unit: of the value, where the law has no usual one.
    """
    factor, shown = _SHOWN.get(f"{law}.{parameter}", (1.0, unit))
    if limit is not None:
        return f"< {factor * limit:.2g} {shown} (95 %)".replace("  ", " ")
    return f"{quoted(factor * value, factor * error)} {shown}".rstrip()


def quality_words(chi2: float, degrees_of_freedom: int) -> str:
    """chi2/ndf in words; with a warning where the law does not describe the showers.

    Args:
        chi2: of the fit.
        degrees_of_freedom: of the fit; nothing is said where there are none.
    """
    if degrees_of_freedom < 1 or not math.isfinite(chi2):
        return ""
    warning = ", does not describe" if chance(chi2, degrees_of_freedom) < DOUBTFUL else ""
    return f"χ²/ndf = {chi2:.3g}/{degrees_of_freedom}{warning}"
