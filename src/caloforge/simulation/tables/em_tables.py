r"""The built-in electromagnetic tables, Z = 1..98, and their Geant4 data folder (G4EMLOW, G4ENSDFSTATE, empty).

``em_tables.npz`` is made by ``tools/tables/build_em_tables.py``, which names the sources. Cross sections are stored as
Geant4 interpolates them: :math:`\sigma E^3` in b MeV^3 for the photoelectric effect and its shells, :math:`\sigma E^2`
in mm^2 MeV^2 for Rayleigh scattering, :math:`(\beta^2/Z^2)\,k\,d\sigma/dk` in mb for bremsstrahlung. Energies are in
MeV.
"""

__all__ = ["SOURCES", "packed_tables", "write_folder"]

import io
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

IONS = range(3, 81)  # that Geant4 reads stopping powers for
ICRU_73 = (5, 6, 7, 8, 13, 14, 15, 16, 22, 26, 28, 29, 30, 31, 32, 33, 34, 40, 47, 48, 49, 51, 52, 72, 73, 74, 79)
ICRU_90 = (1, 6, 7, 8)  # for ions up to argon
SOURCES = "bremsstrahlung: Seltzer-Berger; photons: EPDL97 through xraylib, NIST XCOM"


def packed_tables() -> bytes:
    """The bytes of ``em_tables.npz``; their hash names the version of the numbers."""
    return resources.files("caloforge.simulation.tables").joinpath("em_tables.npz").read_bytes()


def write_folder(folder: Path, packed: bytes) -> None:
    """Write the files of ``packed`` into the new ``folder``, in the formats that Geant4 11 reads.

    The table of nuclear states has the proton only; ``empty`` serves for the datasets without built-in tables.

    Args:
        folder: to make.
        packed: bytes of ``em_tables.npz``.

    Raises:
        OSError: the folder exists or cannot be written.
    """
    (folder / "empty").mkdir(parents=True)
    (folder / "G4ENSDFSTATE").mkdir()
    (folder / "G4ENSDFSTATE" / "ENSDFSTATE.dat").write_text("1 1 0 - -1 1 0\n")
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        tables = dict(archive)
    _write_bremsstrahlung(folder / "G4EMLOW" / "brem_SB", tables)
    _write_rayleigh(folder / "G4EMLOW" / "epics2017" / "rayl", tables)
    _write_photoelectric(folder / "G4EMLOW" / "epics2017" / "phot", tables)
    _write_ions(folder / "G4EMLOW" / "ion_stopping_data")


def _rows(*columns: Float[Array, " n"]) -> str:
    return "".join(" ".join(f"{x:.9g}" for x in row) + "\n" for row in zip(*(c.tolist() for c in columns), strict=True))


def _vector(energy: Float[Array, " n"], value: Float[Array, " n"]) -> str:
    """Text of a ``G4PhysicsVector``: first and last energy, number of points twice, the points."""
    return f"{energy[0]:.9g} {energy[-1]:.9g} {len(energy)}\n{len(energy)}\n{_rows(energy, value)}"


def _write_bremsstrahlung(folder: Path, tables: dict[str, Array]) -> None:
    """One ``G4Physics2DVector`` an element: k/T, ln(T/MeV), then one line of values for each T."""
    folder.mkdir(parents=True)
    fraction, kinetic = tables["brem_fraction"], tables["brem_kinetic"]
    head = f"2 {len(fraction)} {len(kinetic)}\n{_rows(*fraction[:, None])}{_rows(*np.log(kinetic)[:, None])}"
    for z, table in enumerate(tables["brem"], start=1):
        (folder / f"br{z}").write_text(head + _rows(*table.T))


def _write_rayleigh(folder: Path, tables: dict[str, Array]) -> None:
    folder.mkdir(parents=True)
    for z, value in enumerate(tables["rayleigh_sigma_e2"], start=1):
        (folder / f"re-cs-{z}.dat").write_text(_vector(tables["rayleigh_energy"], value))


def _write_photoelectric(folder: Path, tables: dict[str, Array]) -> None:
    """Per element: total above and below the K edge, shells, and the fit above the last energy of the table."""
    folder.mkdir(parents=True)
    start, shell_start, share_start = tables["photo_start"], tables["shell_start"], 0
    for z, (a, b, i, j) in enumerate(zip(start, start[1:], shell_start, shell_start[1:], strict=False), start=1):
        energy, value = tables["photo_energy"][a:b], tables["photo_sigma_e3"][a:b]
        binding = tables["shell_binding"][i:j]
        share = tables["shell_share"][share_start : share_start + (j - i) * (b - a)].reshape(j - i, b - a)
        share_start += share.size
        above = energy >= binding[0]
        (folder / f"pe-cs-{z}.dat").write_text(_vector(energy[above], value[above]))
        if len(binding) > 1:
            (folder / f"pe-le-cs-{z}.dat").write_text(_vector(energy[~above], value[~above]))
            (folder / f"pe-ss-cs-{z}.dat").write_text(_shells(energy, value, binding, share))
        fit = _fits(energy[-1], binding, np.cumsum(share[:, -1])[:, None] * tables["photo_fit"][z - 1])
        (folder / f"pe-high-{z}.dat").write_text(fit)
        (folder / f"pe-low-{z}.dat").write_text(fit)


def _write_ions(folder: Path) -> None:
    """Stopping powers of ions in the elements of ICRU 73 and 90 that are zero, which Geant4 takes for "no data".

    It then uses its own formula, as it does for a pure element without a file; but for a compound it reads one vector
    an element without looking whether there is one, and dies (``G4IonICRU73Data``, 11.4). Electromagnetic lists have
    ions only as recoils of muons.
    """
    energy = np.geomspace(0.025, 2.5, 5)
    text = _vector(energy, np.zeros_like(energy))
    folder.mkdir(parents=True)
    (folder / "none.dat").write_text(text)
    for report, ions, elements in (("icru73", IONS, ICRU_73), ("icru90", range(3, 19), ICRU_90)):
        (folder / report).mkdir()
        for path in (folder / report / f"z{ion}_{z}.dat" for ion in ions for z in elements):
            try:
                path.hardlink_to(folder / "none.dat")  # 2170 links to one file are written sooner than as many files
            except OSError:  # a file system without links, or with fewer of them
                path.write_text(text)


def _shells(
    energy: Float[Array, " n"], value: Float[Array, " n"], binding: Float[Array, " s"], share: Float[Array, "s n"]
) -> str:
    """Per shell its range, number of points and index, then the points above its binding energy."""
    text = ""
    for index, (edge, part) in enumerate(zip(binding, share, strict=True)):
        e, v = energy[energy >= edge], (value * part)[energy >= edge]
        text += f"{e[0]:.9g} {e[-1]:.9g} {len(e)} {index}\n{_rows(e, v)}"
    return text


def _fits(threshold: float, binding: Float[Array, " s"], cumulative: Float[Array, "s 4"]) -> str:
    """Numbers of shells, the threshold of the fit, then binding energy and a_1..a_6 summed over the shells so far."""
    rows = np.hstack([binding[:, None], cumulative, np.zeros((len(binding), 2))])
    return f"{len(binding)} {len(binding)} {threshold:.9g}\n{_rows(*rows.T)}"
