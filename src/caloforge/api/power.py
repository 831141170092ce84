"""The power of the validation: how many showers each metric needs to see known faults of a sample."""

__all__ = ["power"]

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from caloforge import __version__
from caloforge.api.dataset import Dataset, open_dataset, origin_of
from caloforge.data.showers import Showers
from caloforge.errors import BadValue, UnknownName
from caloforge.files import require_new, require_writable
from caloforge.geometry.binning import Binning
from caloforge.physics.plugins import load_observables
from caloforge.validation.compare import Progress
from caloforge.validation.mixing import MIXED_CELLS, MIXED_SHOWERS, foreign_spoils
from caloforge.validation.power.journal import Journal
from caloforge.validation.power.page import write_power
from caloforge.validation.power.result import NOTHING, Power
from caloforge.validation.power.scores import DEFAULT
from caloforge.validation.power.study import measure_power, possible_spoils
from caloforge.validation.spoils import SPOILS, Spoil

Sample = Dataset | Showers | str | Path


def power(
    truth: Sample,
    *,
    foreign: Sample | None = None,
    model: Sample | None = None,
    spoils: Sequence[str] = (),
    metrics: Sequence[str] = DEFAULT,
    sizes: Sequence[int] = (),
    trials: int = 8,
    level: float = 0.5,
    observables: str | Path | None = None,
    binning: str | Binning | None = None,
    seed: int = 1,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda done, text: None,
) -> Power:
    """Spoil copies of a truth in known ways, and count the showers that each metric needs to see it.

    Args:
        truth: showers of full simulation: a file, an open `Dataset`, `Showers`, or ``"bundled"``; held in memory.
        foreign: showers of another particle, of which 1 % are mixed in.
        model: showers of a model, of which 5 % of the cells are mixed in.
        spoils: names of the spoils; all that the mesh and the samples allow when empty.
        metrics: names of the metrics; all but networks when not given.
        sizes: showers of each sample, to be tried from the smallest on; 250 and its doubles up to 4,000, as far as the
            truth reaches, when empty.
        trials: of each spoil and size.
        level: share of the trials in which a spoil must be seen.
        observables: Python file with observables of your own; it is run, so it must be trusted.
        binning: mesh of files that do not carry one.
        seed: same seed, same numbers.
        output: folder for ``power.json``, ``power.html``, ``power.csv``, ``plots/`` and ``trials.jsonl``.
        resume: go on with the trials that an earlier call left in ``output``.
        overwrite: replace an earlier result in ``output``.
        progress: called with the share of the work done and what comes next.

    Returns:
        ``power.needed(spoil, metric)``, ``power.power(spoil, metric, size)``; shows itself as a table.

    Raises:
        BadFile: a file cannot be read, or the earlier trials are of other samples.
        BadValue: sizes, trials or level that make no sense, or a spoil that needs a sample which is not given.
        BinningMismatch: the meshes differ.
        EmptySample: too few showers.
        UnknownName: no such metric or spoil.
        UnwritablePath: ``output`` holds an earlier result, or cannot be written.
    """
    load_observables(observables)
    folder = None if output is None else Path(output)
    if folder is not None:
        inputs = [s for s in (truth, foreign, model) if isinstance(s, str | Path)]
        require_new(folder / "power.json", overwrite or resume, inputs)
        require_writable(folder)
    with ExitStack() as stack:
        samples: dict[str, Showers] = {}
        origins = {}
        for name, given in (("truth", truth), ("foreign", foreign), ("model", model)):
            sample = stack.enter_context(open_dataset(given, binning)) if isinstance(given, str | Path) else given
            if sample is not None:
                samples[name] = sample.read() if isinstance(sample, Dataset) else sample
                origins[name] = origin_of(sample)
    subject = {"seed": seed, "caloforge": __version__, **{name: s.digest for name, s in samples.items()}}
    chosen, notes = _chosen(spoils, samples)
    journal = Journal(folder / "trials.jsonl", subject, resume, overwrite) if folder else None
    result = measure_power(
        samples["truth"], chosen, sizes, trials, seed, metrics, level,
        earlier=journal.trials if journal else None,
        keep=journal.keep if journal else lambda key, scores: None,
        provenance={"seed": seed, "caloforge": __version__, "showers": len(samples["truth"]), **origins},
        progress=progress,
    )  # fmt: skip
    result = replace(result, notes=notes)
    if folder is not None:
        write_power(result, folder)
    return result


def _chosen(names: Sequence[str], samples: dict[str, Showers]) -> tuple[dict[str, Spoil], tuple[str, ...]]:
    """The spoils by name, and sentences on those that the mesh does not allow."""
    spoils = {name: spoil for name, spoil in SPOILS.items() if name != NOTHING}
    for name, kind in (("foreign", MIXED_SHOWERS), ("model", MIXED_CELLS)):
        if name in samples:
            spoils[kind] = foreign_spoils(samples[name])[kind]
        elif kind in names:
            raise BadValue("spoil", kind, f"give {name} showers, too")
    for name in names:
        if name not in spoils:
            raise UnknownName("spoil", name, spoils)
    return possible_spoils({name: spoils[name] for name in names or spoils}, samples["truth"])
