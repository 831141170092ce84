r"""Cross sections of neutrons with their resonances smoothed, as Geant4's own data for FTFP_BERT are.

.. math:: \bar\sigma(E) = \frac{1}{w} \int_{\ln E - w/2}^{\ln E + w/2} \sigma \, d\ln E'

between 1 eV and 14 MeV; the window ends where the table does.
"""

__all__ = ["smooth_folder", "smoothed"]

import shutil
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

LOW, HIGH = 1e-6, 14.0  # MeV; below is 1/v, above the straight line to Geant4's model
Column = Float[Array, " n"]


def smoothed(energy: Column, sigma: Column, width: float) -> Column:
    """The average over a window in ln E.

    Args:
        energy: MeV, rising.
        sigma: straight lines in ln E between the points.
        width: of the window.
    """
    x = np.log(energy)
    integral = np.concatenate([[0.0], np.cumsum((sigma[1:] + sigma[:-1]) / 2 * np.diff(x))])
    low, high = np.maximum(x - width / 2, x[0]), np.minimum(x + width / 2, x[-1])
    average = (np.interp(high, x, integral) - np.interp(low, x, integral)) / (high - low)
    return np.where((energy > LOW) & (energy < HIGH), average, sigma)


def smooth_folder(source: Path, target: Path, width: float) -> None:
    """A copy of a folder G4PARTICLEXS with smoothed neutrons; nothing is done if ``target`` is there.

    Args:
        source: the folder.
        target: the copy.
        width: of the window in ln E.
    """
    if target.exists():
        return
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(source, new)
    for path in sorted((new / "neutron").iterdir()):
        head, number, *rows = path.read_text().splitlines()
        energy, sigma = np.array([row.split() for row in rows], float).T
        pairs = zip(energy.tolist(), smoothed(energy, sigma, width).tolist(), strict=True)
        path.write_text(f"{head}\n{number}\n" + "".join(f"{e:.9g} {s:.6g}\n" for e, s in pairs))
    new.rename(target)
