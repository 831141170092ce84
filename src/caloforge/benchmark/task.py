"""What one process measures, and what it answers: plain values that travel as JSON."""

__all__ = ["ENGINES", "PEERS", "Cost", "Failure", "Setting", "Task"]

from dataclasses import dataclass

ENGINES = ("torch", "compiled", "onnx")  # ways to compute a model: PyTorch as it is, torch.compile, ONNX Runtime
PEERS = ("geant4", "gflash")  # what makes the same showers without a model


@dataclass(frozen=True)
class Setting:
    """What a model was trained to make, for those who make the same without it.

    Args:
        detector: name of the calorimeter.
        binning_xml: its mesh; empty where its cells are volumes.
        frame: whether the mesh follows the axis or stays with the detector.
        particle: PDG number.
        theta: angle to the normal, rad.
        phi: azimuth, rad.
        energies: that are measured, MeV.
        physics: of the training showers: physics list and cuts, as far as their file says.
    """

    detector: str
    binning_xml: str
    frame: str
    particle: int
    theta: float
    phi: float
    energies: tuple[float, ...]
    physics: dict[str, float | str]


@dataclass(frozen=True)
class Task:
    """One engine on one number of threads; a process of its own, whose peak of memory is of nothing else.

    Args:
        name: of the model, as the user gave it.
        source: run folder, name of a model, or bundle, that is opened.
        engine: one of `ENGINES` or `PEERS`.
        device: where networks run.
        threads: of the engine.
        batches: showers at a time, increasing, so that each peak is its own.
        energies: of the incident particles, MeV; empty: the middle of the training by logarithm.
        repeats: least number of calls that are timed.
        seconds: time to spend on each, at least.
        limits: whether to measure what no model can be faster than, too.
        models_file: Python file that defines models of the user's own.
        setting: of a model, for `PEERS`.
    """

    name: str
    source: str
    engine: str
    device: str
    threads: int
    batches: tuple[int, ...]
    energies: tuple[float, ...]
    repeats: int
    seconds: float
    limits: bool = False
    models_file: str | None = None
    setting: Setting | None = None


@dataclass(frozen=True)
class Cost:
    """What a shower costs in one setting; times are medians over the repeats.

    Args:
        name: of the model, or what else is measured for it.
        engine: that computed it, or ``limit``.
        device: where.
        threads: of the engine.
        batch: showers at a time.
        energy: of the incident particles, MeV.
        cells: of the mesh.
        ms: wall time of a shower, ms.
        quartiles: of the same.
        processor_ms: processor time of a shower on all threads, ms; a busy machine hardly changes it.
        repeats: calls that were timed.
        first_seconds: wall time of the first call, which is not among them: libraries start, graphs are compiled.
        peak_mb: largest memory of the process so far, 10^6 bytes.
        card_mb: largest memory on the graphics card, where one was used.
        joules: energy of a shower that the processor's packages took, all that ran on them included; None where it
            cannot be read.
    """

    name: str
    engine: str
    device: str
    threads: int
    batch: int
    energy: float
    cells: int
    ms: float
    quartiles: tuple[float, float]
    processor_ms: float
    repeats: int
    first_seconds: float
    peak_mb: float
    card_mb: float | None = None
    joules: float | None = None


@dataclass(frozen=True)
class Failure:
    """A setting that could not be measured.

    Args:
        name: of the model.
        engine: that was asked for.
        device: likewise.
        threads: likewise.
        problem: why, in a sentence.
    """

    name: str
    engine: str
    device: str
    threads: int
    problem: str
