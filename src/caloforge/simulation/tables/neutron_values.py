"""Cross sections of fast neutrons of the elements: an optical model and a statistical one, tabulated in advance.

``neutron_values.csv`` holds total and non-elastic cross sections from 1 keV to 20 MeV, smooth (averages over
resonances), made by ``tools/tables/build_neutron_values.py``: Koning and Delaroche's global optical potential (Nucl.
Phys. A 713 (2003) 231), solved; Hauser and Feshbach's compound-elastic part taken off what is absorbed; hydrogen by
effective ranges. The potential is made for 24 <= A <= 209; the file says where it is used outside.
"""

__all__ = ["SOURCES", "Fast", "fast_neutrons"]

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

SOURCES = "shares and other neutrons: optical model (Koning and Delaroche), Hauser-Feshbach, Sears, Bao et al."


@dataclass(frozen=True, eq=False)
class Fast:
    """Cross sections of fast neutrons on one element.

    Args:
        source: of both cross sections.
        energy: kinetic energies in the laboratory, MeV.
        total: barn.
        nonelastic: barn.
    """

    source: str
    energy: Float[Array, " n"]
    total: Float[Array, " n"]
    nonelastic: Float[Array, " n"]


@cache
def fast_neutrons() -> dict[int, Fast]:
    """Z = 1..98."""
    text = resources.files("caloforge.simulation.tables").joinpath("neutron_values.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    energy = np.array(header[3:], float)
    return {
        int(total[0]): Fast(total[1], energy, np.array(total[3:], float), np.array(nonelastic[3:], float))
        for total, nonelastic in zip(rows[::2], rows[1::2], strict=True)
    }
