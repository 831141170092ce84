"""Validation of generated showers: files, open datasets or showers in memory, against truth no model was trained on."""

__all__ = ["validate"]

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from caloforge.api.dataset import Dataset, open_dataset, origin_of
from caloforge.api.progress import bar
from caloforge.api.truth import truth_split
from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.data.showers import Showers
from caloforge.data.split_names import Part
from caloforge.device import Device, choose_device
from caloforge.errors import BadValue, UnknownName
from caloforge.geometry.binning import Binning
from caloforge.physics.plugins import load_observables
from caloforge.units import parse_threshold
from caloforge.validation.checklist import load_checklist
from caloforge.validation.compare import Progress
from caloforge.validation.report import Report
from caloforge.validation.validate import validate as run_validation

Sample = Dataset | Showers | str | Path
_FORMS = "give a file, a Dataset or Showers; several as a list of files or in a dictionary by name"


def validate(
    generated: Sample | Sequence[str | Path] | Mapping[str, Sample],
    truth: Sample,
    *,
    checklist: str | Path = "analysis",
    observable: Sequence[str] = (),
    observables: str | Path | None = None,
    protocol: Literal["standard", "perceptron", "calochallenge"] = "standard",
    quick: bool = False,
    threshold: str | float = 0.0,
    binning: str | Binning | None = None,
    split: Part = "auto",
    seed: int = 1,
    allow_different_conditions: bool = False,
    device: Device = "cpu",
    progress: Progress | None = None,
) -> Report:
    """Compare generated showers with truth that the generator never saw, and judge them by a checklist.

    Args:
        generated: showers of a model: a file, an open `Dataset`, or `Showers`. Several files, or several samples by
            name, are compared with each other.
        truth: showers of full simulation, in any of these forms, or ``"bundled"``.
        checklist: ``"strict"``, ``"analysis"``, ``"exploration"``, or a YAML file of your own.
        observable: names of the only ones to judge; all of them when empty.
        observables: Python file with observables of your own; it is run, so it must be trusted.
        protocol: of the classifiers: ``"standard"``, boosted trees and a network; ``"perceptron"``, small ones as in
            many papers; or ``"calochallenge"``.
        quick: leave out the classifiers, which take most of the time.
        threshold: cells below it count as empty in all samples; ``"0.1MeV"``, or a number in MeV.
        binning: mesh of files that do not carry one.
        split: showers of the truth to compare with: ``"train"``, ``"validation"``, ``"test"``, ``"all"``, or
            ``"auto"``, those that no model was trained on.
        seed: of bootstrap and classifiers; same seed, same report.
        allow_different_conditions: go on, with a caution, where particles, energies or angles differ.
        device: where the classifiers run: ``cpu``, ``cuda``, or ``auto`` for a graphics card if there is one.
        progress: called with the share of the work that is done and what is next; a bar on a terminal when not given.

    Returns:
        The report: ``report.verdict``, ``report.passed``, ``report["auc/high"].value``, ``report.write(folder)``.

    Raises:
        BadFile: a file cannot be read.
        BadValue: no generated sample, a file given twice, what is neither file, `Dataset` nor `Showers`, or a
            threshold that is no energy or leaves nothing of the truth; PyTorch finds no such device.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ, and that was not allowed.
        EmptySample: too few showers.
        UnknownName: no such checklist, protocol, split, metric or observable.
    """
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    lowest, place = parse_threshold(threshold), str(choose_device(device))
    load_observables(observables)
    asked = load_checklist(checklist)
    with ExitStack() as stack:
        shown = progress or stack.enter_context(bar("validating", 1.0))

        def opened(sample: Sample) -> Dataset | Showers:
            if isinstance(sample, str | Path):
                return stack.enter_context(open_dataset(sample, binning))
            if not isinstance(sample, Dataset | Showers):
                raise BadValue("a sample", sample, _FORMS)
            return sample

        reference = opened(truth)
        judged = {name: opened(sample) for name, sample in _named(generated)}
        source, part = truth_split(split, reference, list(judged.values()))
        facts: dict[str, Any] = {
            "truth": {**origin_of(reference), **part},
            **{name: origin_of(sample) for name, sample in judged.items()},
        }
        return run_validation(
            source,
            dict(judged) if len(judged) > 1 else next(iter(judged.values())),
            seed,
            facts,
            allow_different_conditions,
            PROTOCOLS[protocol].on(place),
            asked,
            observable,
            quick,
            shown,
            lowest,
        )


def _named(generated: Sample | Sequence[str | Path] | Mapping[str, Sample]) -> Iterator[tuple[str, Sample]]:
    """The samples by name: ``generated`` for one; for several files the shortest ends of their paths that differ."""
    if isinstance(generated, Mapping):
        if not generated or "truth" in generated:
            raise BadValue("names of the generated samples", list(generated), "give one at least, none called truth")
        yield from generated.items()
    elif isinstance(generated, str | Path | Dataset | Showers):
        yield "generated", generated
    elif isinstance(generated, list | tuple) and all(isinstance(path, str | Path) for path in generated):
        yield from _names_of([Path(path) for path in generated])
    else:
        raise BadValue("generated", generated, _FORMS)


def _names_of(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    if len(paths) == 1:
        yield "generated", paths[0]
        return
    for depth in range(1, max((len(path.parts) for path in paths), default=0) + 1):
        names = ["-".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len({*names, "truth"}) > len(names):
            yield from zip(names, paths, strict=True)
            return
    raise BadValue("generated files", [str(path) for path in paths], "give each file once")
