"""Readouts by name: the meshes that `--readout` and `--binning` accept, next to any CaloChallenge XML file.

Those named ``calochallenge-*`` are the CaloChallenge's own (arXiv:2410.21611); it publishes no depths for dataset 1,
whose layers are those of ATLAS. They know which particle the showers of their files are from. Every preset detector has
a mesh of its own, see `default_readout`.
"""

__all__ = ["READOUTS", "default_readout", "readout"]

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from caloforge.errors import BadFile, BadValue, UnknownName
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.detector import is_preset
from caloforge.geometry.gdml import Calorimeter, GdmlDetector

_DEFAULT = {
    "par04-siw": "siw-1080",
    "par04-scipb": "scipb-6480",
    "lar-barrel": "lar-355",
    "pbwo4-crystals": "pbwo4-1840",
    "siw-hcal": "siw-hcal-4288",
}
_MOST_LAYERS = 50  # of a mesh made for a detector of one's own

# CaloChallenge dataset 1: layer id, sectors, r edges in mm. Layers 0-3 are ATLAS's presampler, strips, middle and back.
_PHOTONS: tuple[tuple[int, int, tuple[float, ...]], ...] = (
    (0, 1, (0, 5, 10, 30, 50, 100, 200, 400, 600)),
    (1, 10, (0, 2, 4, 6, 8, 10, 12, 15, 20, 30, 40, 50, 70, 90, 120, 150, 200)),
    (2, 10, (0, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 300, 350, 400)),
    (3, 1, (0, 50, 100, 200, 400, 600)),
    (12, 1, (0, 100, 200, 400, 1000, 2000)),
)
_PIONS: tuple[tuple[int, int, tuple[float, ...]], ...] = (
    (0, 1, (0, 5, 10, 30, 50, 100, 200, 400, 600)),
    (1, 10, (0, 1, 4, 7, 10, 15, 30, 50, 90, 150, 200)),
    (2, 10, (0, 5, 10, 20, 30, 50, 80, 130, 200, 300, 400)),
    (3, 1, (0, 50, 100, 200, 400, 600)),
    (12, 10, (0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 1000, 2000)),
    (13, 10, (0, 10, 20, 30, 50, 80, 100, 130, 160, 200, 250, 300, 350, 400, 600, 1000, 2000)),
    (14, 1, (0, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000)),
)


def _regular(name: str, n_layers: int, n_alpha: int, n_r: int, dr: float, dz: float, pdg: int | None = None) -> Binning:
    r_edges = tuple(round(i * dr, 6) for i in range(n_r + 1))
    z_edges = [(round(i * dz, 6), round((i + 1) * dz, 6)) for i in range(n_layers)]
    return Binning(tuple(Layer(i, r_edges, n_alpha, z) for i, z in enumerate(z_edges)), name, pdg)


def _irregular(name: str, rows: Sequence[tuple[int, int, tuple[float, ...]]], pdg: int) -> Binning:
    return Binning(tuple(Layer(i, tuple(map(float, edges)), n_alpha) for i, n_alpha, edges in rows), name, pdg)


def _lar_barrel() -> Binning:
    """Strips, middle and back as in dataset 1 for photons, laid over the cells of 6.13 mm of ``lar-barrel``."""
    z = [round(cells * 6.13, 6) for cells in (0, 13, 62, 68)]
    rows = zip(_PHOTONS[1:4], pairwise(z), strict=True)
    return Binning(tuple(Layer(i, tuple(map(float, e)), n, edges) for (i, n, e), edges in rows), "lar-355")


def _siw_hcal() -> Binning:
    """A layer for each plane of ``siw-hcal``: nine rings in the tungsten section, seven in the iron one."""
    fine, coarse = (0, 5, 10, 15, 20, 30, 45, 70, 100, 150), (0, 30, 60, 100, 150, 200, 300, 450)
    pitches = [1.925] * 10 + [3.325] * 10 + [4.725] * 10 + [25.0] * 38
    z = [round(edge, 6) for edge in np.cumsum([0.0, *pitches]).tolist()]
    rings = [tuple(map(float, fine))] * 30 + [tuple(map(float, coarse))] * 38
    layers = (Layer(i, r, 8, edges) for i, (r, edges) in enumerate(zip(rings, pairwise(z), strict=True)))
    return Binning(tuple(layers), "siw-hcal-4288")


READOUTS: dict[str, Callable[[], Binning]] = {
    # The mesh of Geant4's example Par04 and of CaloChallenge dataset 2: pairs of the 90 W-Si layers of 1.7 mm.
    "siw-6480": partial(_regular, "siw-6480", 45, 16, 9, 4.65, 3.4),
    # Three layers and two sectors of the former merged: small enough to train on a laptop, still a Par04 mesh.
    "siw-1080": partial(_regular, "siw-1080", 15, 8, 9, 4.65, 10.2),
    "calochallenge-1-photons": partial(_irregular, "calochallenge-1-photons", _PHOTONS, 22),
    "calochallenge-1-pions": partial(_irregular, "calochallenge-1-pions", _PIONS, 211),
    "calochallenge-2": partial(_regular, "calochallenge-2", 45, 16, 9, 4.65, 3.4, 11),
    "calochallenge-3": partial(_regular, "calochallenge-3", 45, 50, 18, 2.325, 3.4, 11),
    # One layer for each Pb-scintillator pair, rings of 0.4 Molière radii as in siw-6480.
    "scipb-6480": partial(_regular, "scipb-6480", 45, 16, 9, 8.0, 5.6),
    "lar-355": _lar_barrel,
    # Rings of half a crystal, 23 slices of 1.1 X0; the crystals of CMS are not cut in depth.
    "pbwo4-1840": partial(_regular, "pbwo4-1840", 23, 8, 10, 11.0, 10.0),
    "siw-hcal-4288": _siw_hcal,
}


def default_readout(detector: Calorimeter) -> Binning:
    """The mesh of a preset; for a detector of one's own, layers of whole planes and rings of 0.4 Molière radii.

    Args:
        detector: a preset, one's own, or a GDML file, whose planes are those on the line of the beam.

    Raises:
        BadValue: nothing on the line of the beam of a GDML file is sensitive.
    """
    if isinstance(detector, GdmlDetector):
        if detector.cells is not None:
            return detector.cells
    elif is_preset(detector):
        return readout(_DEFAULT[detector.name])
    r_edges = tuple(round(0.4 * i * detector.moliere_radius, 3) for i in range(10))
    edges = _layer_edges(detector)
    layers = (Layer(i, r_edges, 8, (float(low), float(high))) for i, (low, high) in enumerate(pairwise(edges)))
    return Binning(tuple(layers), f"{detector.name}-default")


def _layer_edges(detector: Calorimeter) -> list[float]:
    """Depths between layers: behind sensitive planes, or every radiation length where there is only one plane."""
    if isinstance(detector, GdmlDetector):
        start, planes = detector.first, np.array([[s.low, s.high] for s in detector.line if s.sensitive])
    else:
        start, planes = 0.0, np.stack([detector.faces[detector.sensitive + i] for i in (0, 1)], axis=1)
    n = len(planes)
    if n == 0:
        remedy = "a line from there meets nothing sensitive: give --binning, --cells volumes, or move it"
        raise BadValue("face", detector.face.text if isinstance(detector, GdmlDetector) else "", remedy)
    if n == 1:
        slices = min(_MOST_LAYERS, max(1, round((planes[0, 1] - planes[0, 0]) / detector.radiation_length)))
        return [round(edge, 6) for edge in np.linspace(planes[0, 0], planes[0, 1], slices + 1).tolist()]
    merged = -(-n // _MOST_LAYERS)
    behind = planes[:, 1].tolist()
    return [round(edge, 6) for edge in (start, *behind[merged - 1 : -1 : merged], behind[-1])]


def readout(name: str) -> Binning:
    """The mesh of that name, or of the XML file at that path.

    Args:
        name: of a readout, or the path of a CaloChallenge XML file.

    Raises:
        UnknownName: neither a readout nor an XML path.
        BadFile: an XML file that is missing or not a binning.
    """
    if name in READOUTS:
        return READOUTS[name]()
    path = Path(name)
    if path.suffix.lower() != ".xml":
        raise UnknownName("readout", name, [*READOUTS, "a path ending in .xml"], "docs/detectors.md")
    if not path.is_file():
        raise BadFile(path, "no such file", f"give a CaloChallenge binning XML or one of {', '.join(READOUTS)}")
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, f"it cannot be read as text ({error})", "give a CaloChallenge binning XML") from error
    return Binning.from_xml(text, path)
