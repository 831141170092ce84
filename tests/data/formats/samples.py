"""Small files in the layouts of other projects, made with h5py and uproot themselves; a format joins by adding one."""

__all__ = ["OPTIONS", "POINTS", "SAMPLES", "plain_energies"]

import math
from collections.abc import Callable
from pathlib import Path

import awkward
import h5py
import numpy as np
import uproot

from caloforge.data.convert import Remeshing, convert_file
from caloforge.data.formats.options import ReadOptions
from caloforge.data.writer import write_showers
from caloforge.geometry.binning import Binning, Layer

N = 12
MESH = Binning(tuple(Layer(i, (0.0, 5.0, 10.0, 20.0), 4, (10.0 * i, 10.0 * i + 10)) for i in range(5)), "small", 11)


def plain_energies(rng: np.random.Generator, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Cells (n, 5, 4, 3) in layer, alpha, r that fall with depth and radius, a fifth of them empty; energies, MeV."""
    incident = rng.uniform(2000, 90_000, n).astype(np.float32)
    profile = np.array([1, 8, 3, 0.5, 0.1])[:, None, None] * np.array([12, 2, 0.3])
    cells = rng.gamma(4, 0.25, (n, 5, 4, 3)) * profile * (rng.random((n, 5, 4, 3)) < 0.8)
    cells *= 0.7 * incident[:, None, None, None] / profile.sum() / 4
    return cells.astype(np.float32), incident


def native(path: Path, rng: np.random.Generator) -> None:
    from caloforge.data.showers import Showers

    cells, incident = plain_energies(rng)
    write_showers(path, Showers.perpendicular(cells.reshape(N, -1), incident, MESH), "tea", {"seed": 1})


def calochallenge(path: Path, rng: np.random.Generator) -> None:
    cells, incident = plain_energies(rng)
    with h5py.File(path, "w") as file:
        file["showers"], file["incident_energies"] = cells.reshape(N, -1), incident[:, None]


def par04(path: Path, rng: np.random.Generator) -> None:
    """As LEMURS has it, with angles."""
    cells, incident = plain_energies(rng)
    with h5py.File(path, "w") as file:
        file["showers"], file["incident_energy"] = cells.transpose(0, 3, 2, 1), incident
        file["incident_theta"] = rng.uniform(0.87, 2.27, N)
        file["incident_phi"] = rng.uniform(0, 2 * math.pi, N)


def calogan(path: Path, rng: np.random.Generator) -> None:
    """Incident energies in GeV, cells in MeV, float64."""
    incident = rng.uniform(2, 99, N)
    shapes = {"layer_0": (3, 96), "layer_1": (12, 12), "layer_2": (12, 6)}
    with h5py.File(path, "w") as file:
        file["energy"], file["overflow"] = incident[:, None], np.full((N, 3), 3.0)
        for (name, shape), share in zip(shapes.items(), (0.1, 0.85, 0.04), strict=True):
            cells = rng.gamma(0.3, 1, (N, *shape)) * (rng.random((N, *shape)) < 0.7)
            file[name] = cells * (1000 * share * incident / cells.sum((1, 2)))[:, None, None]


def points(name: str) -> Callable[[Path, np.random.Generator], None]:
    """The showers of `native` as points, by the format's own writer."""

    def make(path: Path, rng: np.random.Generator) -> None:
        mesh = path.with_suffix(".mesh")
        native(mesh, rng)
        convert_file(mesh, path, name, remeshing=Remeshing(place="uniform"))
        mesh.unlink()

    return make


def hit_table(path: Path, rng: np.random.Generator) -> None:
    """A flat ntuple of deposits, as Geant4's own writer makes it, in MeV and mm."""
    rows = {name: rng.normal(0, 10, 60) for name in ("x_mm", "y_mm", "z_mm")}
    rows |= {"event": np.repeat(np.arange(N), 5), "energy_MeV": rng.gamma(1, 1, 60)}
    with uproot.recreate(path) as file:
        file.mktree("deposits", {name: values.dtype for name, values in rows.items()})
        file["deposits"].extend(rows)


def par04_root(path: Path, rng: np.random.Generator) -> None:
    """Cells by their indices, as Par04 writes them."""
    cells, incident = plain_energies(rng)
    z, phi, r = np.nonzero(cells.sum(0))
    columns = {"rhoCell": r, "phiCell": phi, "zCell": z}
    jagged = {name: awkward.Array(np.tile(values.astype(np.int32), (N, 1))) for name, values in columns.items()}
    jagged["EnergyCell"] = awkward.Array(cells[:, z, phi, r].astype(float))
    jagged = {name: awkward.from_regular(values) for name, values in jagged.items()}
    with uproot.recreate(path) as file:
        for tree, branches in (("global", {"EnergyMC": incident.astype(float)}), ("virtualReadout", jagged)):
            kinds = {k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in branches.items()}
            file.mktree(tree, kinds)
            file[tree].extend(branches)


POINTS = ("edm4hep", "step2point", "showerdata", "caloclouds", "parquet", "csv", "npz")
SAMPLES: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "caloforge": native,
    "calochallenge": calochallenge,
    "par04": par04,
    "calogan": calogan,
    "par04-root": par04_root,
    "root-table": hit_table,
    **{name: points(name) for name in POINTS},
}
OPTIONS: dict[str, ReadOptions] = {
    "calochallenge": ReadOptions(binning=MESH),
    "par04": ReadOptions(binning=MESH),
    "calogan": ReadOptions(particle=-11),
    "par04-root": ReadOptions(binning=MESH),
    "caloclouds": ReadOptions(particle=11),
}
