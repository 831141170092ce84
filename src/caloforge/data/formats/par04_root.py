"""ROOT files of Geant4's example Par04, by uproot: cells of each event as their indices in r, phi and z, MeV."""

__all__ = ["Par04Root", "Par04RootFile"]

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.options import ReadOptions
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.formats.root_file import open_root
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.provenance import Provenance
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning
from caloforge.units import keV

_INDICES = ("rhoCell", "phiCell", "zCell")
_THRESHOLD = 0.5 * keV  # below, the example writes no cell
_ELECTRON = 11


class Par04RootFile(MeshFile):
    """Cells of the virtual mesh, in the newer layout (``global``, ``virtualReadout``) or the older single tree.

    Args:
        path: ROOT file.
        binning: the mesh of the macro, which the file does not say.
        pdg: of the incident particle, which the file does not say either.

    Raises:
        BadFile: damaged, cells outside the mesh, trees of different lengths.
    """

    def __init__(self, path: Path, binning: Binning, pdg: int) -> None:
        self.path, self.binning, self.pdg = path, binning, pdg
        self.provenance = Provenance.model_validate(
            {"format": "par04-root", "mesh": "axis", "readout": binning.name, "cells_above_mev": _THRESHOLD}
        )
        shapes = {(layer.n_r, layer.n_alpha) for layer in binning.layers}
        if len(shapes) > 1:
            raise self.bad(f"the layers of mesh {binning.name} differ, those of Par04 do not", "give another --binning")
        self._file = open_root(path)
        with reading(path):
            try:
                newer = "virtualReadout" in self._file
                self._cells = self._file["virtualReadout" if newer else "events"]
                self._events = self._file["global" if newer else "events"]
                self._n = int(self._events.num_entries)  # a float, as Geant4 writes the file
                if int(self._cells.num_entries) != self._n:
                    raise self.bad(f"{self._n} events, but cells of {int(self._cells.num_entries)}")
                if not self._n:
                    raise self.bad("the file holds no event")
                self.check_energies()
            except BaseException:
                self.close()
                raise

    def __len__(self) -> int:
        return self._n

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles, along the axis of the mesh.

        Args:
            rows: of the file; all if not given.
        """
        start, stop, _ = rows.indices(self._n)
        with reading(self.path):
            energy = self._events["EnergyMC"].array(entry_start=start, entry_stop=max(start, stop), library="np")
            return Incident.alike(np.asarray(energy, np.float32), self.pdg)

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Energies of all cells of the mesh, MeV.

        Args:
            rows: of the file, forwards.
        """
        import awkward

        start, stop, _ = rows.indices(self._n)
        stop = max(start, stop)
        with reading(self.path):
            columns: dict[str, Any] = {
                name: self._cells[name].array(entry_start=start, entry_stop=stop) for name in (*_INDICES, "EnergyCell")
            }
            counts = awkward.to_numpy(awkward.num(columns["EnergyCell"]))
            if any((awkward.to_numpy(awkward.num(columns[name])) != counts).any() for name in _INDICES):
                raise self.bad(f"from event {start}, cells and their indices differ in number")
            r, phi, z = (awkward.to_numpy(awkward.flatten(columns[name])).astype(np.int64) for name in _INDICES)
            energy = awkward.to_numpy(awkward.flatten(columns["EnergyCell"])).astype(float)
        flat = np.repeat(np.arange(stop - start), counts) * self.binning.n_voxels + self._flat(r, phi, z, start)
        cells = np.bincount(flat, energy, (stop - start) * self.binning.n_voxels)
        return cells.reshape(stop - start, self.binning.n_voxels).astype(np.float32)

    def _flat(self, r: Int[Array, " n"], phi: Int[Array, " n"], z: Int[Array, " n"], start: int) -> Int[Array, " n"]:
        layer, n_layers = self.binning.layers[0], self.binning.n_layers
        for name, index, n in (("r", r, layer.n_r), ("phi", phi, layer.n_alpha), ("z", z, n_layers)):
            if len(index) and not 0 <= index.min() <= index.max() < n:
                ends = f"{index.min()} to {index.max()}"
                problem = f"from event {start}, cells have {name} {ends}, the mesh {self.binning.name} has {n}"
                raise self.bad(problem, "give the mesh of the macro with --binning")
        return (z * layer.n_alpha + phi) * layer.n_r + r

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Par04Root(Format):
    """ROOT of Par04, read only."""

    name, title, holds = "par04-root", "ROOT of Geant4's Par04", "mesh"
    takes = frozenset({"binning", "particle"})

    def recognises(self, peek: Peek) -> bool:
        """ROOT with cells by ``rhoCell`` in ``virtualReadout`` or ``events``."""
        names = [set(peek.trees.get(tree, ())) for tree in ("virtualReadout", "events")]
        return any({*_INDICES, "EnergyCell"} <= branches for branches in names)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `Par04RootFile`; the example shoots electrons unless told."""
        if options.binning is None:
            remedy = "give that of the macro: --binning calochallenge-2 (9 x 16 x 45) or calochallenge-3 (18 x 50 x 45)"
            raise BadFile(path, "the file does not say its mesh", remedy)
        return Par04RootFile(path, options.binning, options.particle or _ELECTRON)
