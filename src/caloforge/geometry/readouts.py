"""Readouts by name: the meshes that `--readout` and `--binning` accept, next to any CaloChallenge XML file."""

__all__ = ["READOUTS", "readout"]

from collections.abc import Callable
from pathlib import Path

from caloforge.errors import BadFile, UnknownName
from caloforge.geometry.binning import Binning, Layer


def _regular(name: str, n_layers: int, n_alpha: int, n_r: int, dr: float, dz: float) -> Binning:
    r_edges = tuple(round(i * dr, 6) for i in range(n_r + 1))
    z_edges = [(round(i * dz, 6), round((i + 1) * dz, 6)) for i in range(n_layers)]
    return Binning(tuple(Layer(i, r_edges, n_alpha, z) for i, z in enumerate(z_edges)), name)


READOUTS: dict[str, Callable[[], Binning]] = {
    # The mesh of Geant4's example Par04 and of CaloChallenge dataset 2: pairs of the 90 W-Si layers of 1.7 mm.
    "siw-6480": lambda: _regular("siw-6480", 45, 16, 9, 4.65, 3.4),
    # Three layers and two sectors of the former merged: small enough to train on a laptop, still a Par04 mesh.
    "siw-1080": lambda: _regular("siw-1080", 15, 8, 9, 4.65, 10.2),
}


def readout(name: str) -> Binning:
    """The mesh of that name, or of the XML file at that path.

    Raises:
        UnknownName: neither a readout nor an XML path.
        BadFile: an XML file that is missing or not a binning.
    """
    if name in READOUTS:
        return READOUTS[name]()
    path = Path(name)
    if path.suffix.lower() != ".xml":
        raise UnknownName("readout", name, [*READOUTS, "a path ending in .xml"])
    if not path.is_file():
        raise BadFile(path, "no such file", f"give a CaloChallenge binning XML or one of {', '.join(READOUTS)}")
    return Binning.from_xml(path.read_text(), path)
