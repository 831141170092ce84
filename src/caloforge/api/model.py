"""A trained model as one works with it in Python: opened by name or folder, asked for showers at given particles."""

__all__ = ["Model", "load_model"]

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack, overload

from caloforge.api.asked import Asked
from caloforge.api.calls import Progress, ignore, require_one, warn_in_python
from caloforge.api.dataset import Dataset, open_dataset
from caloforge.api.glance import html_of, mesh_in_words
from caloforge.api.incident import Angle, Energy, Particle
from caloforge.api.inference import Inference
from caloforge.api.like import Like, path_of
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.split_names import Part
from caloforge.device import Device, choose_device
from caloforge.files import require_new
from caloforge.geometry.binning import Binning
from caloforge.models.plugins import PLUGINS
from caloforge.training.ensemble import load_ensemble
from caloforge.units import format_angle, format_energy


class Options(TypedDict, total=False):
    """Options of `Model.generate`."""

    like: Like | None
    particle: Particle | None
    theta: Angle | None
    phi: Angle | None
    split: Part
    binning: str | Binning | None
    seed: int
    batch: int
    extrapolate: bool
    solver: str | None
    steps: int | None
    overwrite: bool
    progress: Progress
    warn: Callable[[str], None]


class Model(Inference):
    """A trained model, or an ensemble of them.

    Args:
        name: what it was asked for by.
        ensemble: its members; one for a single model.
    """

    @overload
    def generate(
        self, energy: Energy | None = ..., n: int | None = ..., *, output: None = ..., **options: Unpack[Options]
    ) -> Showers: ...

    @overload
    def generate(
        self, energy: Energy | None = ..., n: int | None = ..., *, output: str | Path, **options: Unpack[Options]
    ) -> Dataset: ...

    def generate(
        self,
        energy: Energy | None = None,
        n: int | None = None,
        *,
        like: Like | None = None,
        particle: Particle | None = None,
        theta: Angle | None = None,
        phi: Angle | None = None,
        split: Part = "all",
        binning: str | Binning | None = None,
        seed: int = 1,
        batch: int = 1000,
        extrapolate: bool = False,
        solver: str | None = None,
        steps: int | None = None,
        output: str | Path | None = None,
        overwrite: bool = False,
        progress: Progress = ignore,
        warn: Callable[[str], None] = warn_in_python,
    ) -> Showers | Dataset:
        """Generate showers; shower i does not depend on how many are asked for, and an ensemble's is of member i mod K.

        Args:
            energy: ``"50GeV"``, ``"1GeV:100GeV:log"``, a number in MeV (``50 * hepunits.GeV``), or a list or array of
                single energies, one for each shower.
            n: number of showers; lists, and the particles of ``like``, repeat. Their number, or else 1000, when not
                given.
            like: showers whose incident particles to use instead: a `Dataset`, `Showers`, the path of a file, or
                ``"bundled"``.
            particle: name or PDG number, or a list of them, where the model knows several.
            theta: angle to the normal, ``"30deg"``, ``"0deg:30deg:solid-angle"`` or in rad, where the model knows it.
            phi: azimuth about the normal, ``"0deg:360deg:uniform"`` or in rad, where the model knows it.
            split: which showers of ``like``: ``"all"``, ``"train"``, ``"validation"``, ``"test"``, or ``"auto"``, those
                that this model was not trained on.
            binning: mesh of the file ``like``, where it carries none.
            seed: same seed, same showers.
            batch: showers in memory at a time where ``output`` is given.
            extrapolate: allow energies and angles outside those of the training, with a warning.
            solver: of a flow matching model, instead of its own: ``euler``, ``midpoint``, ``heun`` or ``rk4``.
            steps: of that solver, instead of its own; fewer are faster.
            output: HDF5 file to stream them into instead of memory.
            overwrite: replace an output that exists.
            progress: called with the number of showers made, and of all.
            warn: called with what lies outside the training; a Python warning when not given.

        Returns:
            `Showers`, which know the model that made them; with ``output`` the `Dataset` of the file.

        Raises:
            BadValue: an energy, particle or angle that is not of these forms or that the model does not know; a solver
                or steps where it does not integrate.
            OutsideTraining: an energy or angle outside those of the training.
            BinningMismatch: ``like`` has another mesh.
            UnwritablePath: the output exists, is read from, or cannot be written.

        Example:
            >>> import caloforge as cf
            >>> showers = cf.load("vae-siw-1080").generate("50GeV", n=3, seed=1)
            >>> len(showers), showers.energy.shape, showers.incident_energy.tolist()
            (3, (3, 1080), [50000.0, 50000.0, 50000.0])
        """
        require_one("batch", batch, "keep at least one shower in memory")
        if output is not None:
            require_new(output, overwrite, [path_of(like)])
        request = Asked(energy, n, like, particle, theta, phi, split, binning, seed, extrapolate)
        asked = request.particles(self.trained, self.binning, self.training_ids, warn)
        asked_of = self if solver is None and steps is None else self.integrated(solver, steps)
        if output is None:
            parts = []
            for part in asked_of.batches(asked, seed, batch):
                parts.append(part)
                progress(sum(map(len, parts)), len(asked))
            return replace(
                Showers.concatenate(parts),
                detector=self.detector,
                provenance=Provenance.model_validate(self.facts(seed)),
                training_ids=self.training_ids,
            )
        asked_of.fill(output, asked, seed, batch, progress)
        return open_dataset(output)

    def integrated(self, solver: str | None = None, steps: int | None = None) -> "Model":
        """The same model with another integration of its samples, where it is one of flow matching.

        Args:
            solver: ``euler``, ``midpoint``, ``heun`` or ``rk4``; None: as it is.
            steps: of the solver; None: as they are.

        Raises:
            BadValue: a model that does not integrate, an unknown solver, or no step.
        """
        members = copy.deepcopy(self.ensemble.members)
        for member in members:
            member.model.integrate_with(solver, steps)
        return Model(self.name, replace(self.ensemble, members=members))

    @property
    def summary(self) -> dict[str, str]:
        """What it is and what it was trained on, in words."""
        trained = self.conditions
        return {
            "model": self.ensemble.text,
            "particles": "PDG " + ", ".join(map(str, trained.particles.tolist())),
            "incident energy": " to ".join(map(format_energy, trained.energy_range.tolist())),
            "theta": " to ".join(dict.fromkeys(map(format_angle, trained.theta_range.tolist()))),
            "mesh": mesh_in_words(self.binning),
            "detector": self.detector,
            "training showers": str(self.provenance.training_showers or "unknown"),
        }

    def __repr__(self) -> str:
        parts = [self.summary[name] for name in ("model", "particles", "incident energy")]
        return f"<Model {self.name}: {', '.join([*parts, self.binning.name])}>"

    def _repr_html_(self) -> str:
        return html_of(self.name, self.summary)


def load_model(name: str | Path, models: str | Path | None = None, device: Device = "cpu") -> Model:
    """Open a trained model.

    Args:
        name: run folder, folder of an ensemble, or the name of a model that comes with caloforge.
        models: Python file that defines models of your own; it is run, so it must be trusted.
        device: where it is computed: ``cpu``, ``cuda``, or ``auto`` for a graphics card if there is one.

    Raises:
        BadFile: none of these, or a file in it is missing or damaged.
        UnknownModel: its model is defined in a file that was not given.
        BadValue: PyTorch finds no such device.
        BrokenPlugin: the file with models, or an installed package that announces some, fails.

    Example:
        >>> import caloforge as cf
        >>> cf.load("vae-siw-1080")
        <Model vae-siw-1080: one model, PDG 11, 1GeV to 100GeV, siw-1080>
    """
    PLUGINS.load(models)
    return Model(str(name), load_ensemble(name).to(choose_device(device)))
