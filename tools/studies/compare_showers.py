"""Compare two files of showers at one energy: mean response, rms, longitudinal profile, with errors and pulls.

python tools/studies/compare_showers.py ours.h5 theirs.h5 --binning siw-6480
"""

import argparse

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.geometry.readouts import readout


def relative_rms(response: Float[Array, " n"]) -> tuple[float, float]:
    """rms over mean, and its bootstrap error."""
    rng = np.random.default_rng(0)
    draws = [response[rng.integers(len(response), size=len(response))] for _ in range(500)]
    return float(response.std(ddof=1) / response.mean()), float(np.std([d.std(ddof=1) / d.mean() for d in draws]))


def standard_error(x: Float[Array, "n ..."]) -> Float[Array, "..."]:
    return x.std(axis=0, ddof=1) / np.sqrt(len(x))


def compare(first: Showers, second: Showers) -> list[str]:
    """The three comparisons as lines of text."""
    response = [s.total_energy / s.incident_energy for s in (first, second)]
    mean, error = ([float(f(r)) for r in response] for f in (np.mean, standard_error))
    rms = [relative_rms(r) for r in response]
    layers = [s.layer_energy for s in (first, second)]
    spread = np.hypot(*(standard_error(x) for x in layers))
    pulls = (layers[0].mean(0) - layers[1].mean(0)) / np.where(spread > 0, spread, 1)
    ratio_error = np.hypot(error[0] / mean[0], error[1] / mean[1])
    return [
        f"showers        {len(first)} and {len(second)}",
        f"mean response  {mean[0]:.6f} +- {error[0]:.6f} and {mean[1]:.6f} +- {error[1]:.6f}: "
        f"ratio {mean[0] / mean[1]:.4f} +- {ratio_error:.4f}",
        f"rms / mean     {rms[0][0]:.4f} +- {rms[0][1]:.4f} and {rms[1][0]:.4f} +- {rms[1][1]:.4f}: "
        f"{(rms[0][0] - rms[1][0]) / np.hypot(rms[0][1], rms[1][1]):+.1f} sigma",
        f"layer energies largest pull {np.abs(pulls).max():.1f} sigma of {len(pulls)}, "
        f"chi2 per layer {np.mean(pulls**2):.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--binning", help="readout or XML, for files that do not carry one")
    options = parser.parse_args()
    binning = readout(options.binning) if options.binning else None
    with ShowerFile(options.first, binning) as first, ShowerFile(options.second, binning) as second:
        print("\n".join(compare(first.read(), second.read())))


if __name__ == "__main__":
    main()
