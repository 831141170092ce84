"""What ten million and a billion showers cost: constants measured here, multiplied out; prints the tables of
docs/scaling.md.

    python tools/studies/scaling.py

Times are of the processor, not of the clock, so other work on the machine matters little.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import caloforge as cf
from caloforge.api.asked import Asked
from caloforge.api.generator import GeneratorWords, open_source
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.simulation.production.array import merge_shards, write_manifest

MODEL, SPECTRUM = "vae-siw-1080", "1GeV:100GeV:log"
NAMES = ("store", "simulate", "generate", "merge", "train", "validate")


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this process and of those that it started and waited for."""

    def used() -> float:
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))

    start = used()
    work()
    return used() - start


def store(folder: Path) -> dict[str, float]:
    """Bytes of a Geant4 shower of the bundled sample, which keeps 11 bits of the mantissa."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers, provenance = file[:2000], file.provenance
    write_showers(folder / "s.h5", showers, "par04-siw", provenance)
    packed = (folder / "s.h5").stat().st_size / len(showers)
    return {"bytes of a Geant4 shower, 11 bits": packed, "bytes of any, not packed": 4.0 * showers.binning.n_voxels}


def simulate(folder: Path) -> dict[str, float]:
    """Geant4 at ten energies equally spaced in their logarithm; its time goes with the energy."""
    energies = np.geomspace(1e3, 1e5, 21)[1::2]
    points = ",".join(f"{energy:.0f}MeV" for energy in energies)  # in turn
    showers = cf.simulate(energy=points, n=2 * len(energies), seed=1)
    slope = 1e-3 * (showers.provenance.core_seconds or np.nan) * 1e6 / showers.incident_energy.sum()  # ms a MeV
    mean = (1e5 - 1e3) / np.log(1e2)
    return {"ms of a shower of 10 GeV, Geant4": 1e4 * slope, "ms of a shower of the spectrum, Geant4": mean * slope}


def generate(folder: Path, n: int = 4000) -> dict[str, float]:
    """The model, with and without the writing of the file."""
    source = open_source(GeneratorWords(MODEL))
    particles = Asked(SPECTRUM, n).particles(source.trained, source.binning, source.training_ids, print)
    source.fill(folder / "warm.h5", particles[:1000], 1, 1000, lambda done, total: None)
    start = time.process_time()
    source.fill(folder / "g.h5", particles, 1, 1000, lambda done, total: None)
    whole = time.process_time() - start
    with ShowerFile(folder / "g.h5") as file:
        showers = replace(file.read(), training_ids=np.empty(0, np.uint64))  # these come once a file
    writing = processor_seconds(lambda: write_showers(folder / "w.h5", showers, "par04-siw", {}))
    return {
        "ms of a shower, model": 1e3 * (whole - writing) / n,
        "ms of a shower, packing and writing": 1e3 * writing / n,
        **{
            f"bytes of a generated shower, {bits} bits": _size(showers, folder / f"{bits}.h5", bits)
            for bits in (23, 11)
        },
    }


def _size(showers: Showers, path: Path, bits: int) -> float:
    write_showers(path, showers, "par04-siw", {}, bits)
    return path.stat().st_size / len(showers)


def merge(folder: Path, n: int = 2000) -> dict[str, float]:
    """Shards of an array, which are known to be apart, and files that may share showers."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers, provenance = file[: 2 * n], file.provenance
    (folder / "m.h5.shards").mkdir()
    halves = {f"{'0' * 16}-{place:05d}.h5": showers[place * n : (place + 1) * n] for place in (0, 1)}
    for name, half in halves.items():
        write_showers(folder / "m.h5.shards" / name, half, "par04-siw", provenance.with_facts(generator="g"))
    write_manifest(folder / "m.h5.shards", "0" * 16, {name: len(half) for name, half in halves.items()}, {})
    paths = [folder / "m.h5.shards" / name for name in halves]
    count = sum(map(len, halves.values()))
    return {
        "ms of a shower, merge of shards": 1e3
        * processor_seconds(lambda: merge_shards(folder / "m.h5.shards", folder / "m.h5"))
        / count,
        "ms of a shower, merge of files": 1e3
        * processor_seconds(lambda: merge_files(paths, folder / "f.h5", copies=True))
        / count,
    }


def train(folder: Path) -> dict[str, float]:
    """A step of the shipped model's configuration, from two trainings of different length."""
    seconds = []
    for steps in (10, 40):
        work = partial(cf.train, MODEL, showers_path(BUNDLED), folder / f"run{steps}", steps=steps, warn=print)
        seconds.append(processor_seconds(work))
    return {"ms of a step of training, 128 showers": 1e3 * (seconds[1] - seconds[0]) / 30}


def validate(folder: Path) -> dict[str, float]:
    """The whole report on the bundled sample against as many generated showers."""
    cf.load(MODEL).generate(like=BUNDLED, output=folder / "v.h5")
    with ShowerFile(folder / "v.h5") as file:
        n = len(file)
    seconds = processor_seconds(lambda: cf.validate(folder / "v.h5", BUNDLED))
    return {f"s of a validation, {n:,} generated showers": seconds}


MEASURES = dict(zip(NAMES, (store, simulate, generate, merge, train, validate), strict=True))


def plan(measured: dict[str, float], n: float, price: float) -> list[tuple[str, str]]:
    """Core hours, their price, and bytes of n showers, of what was measured."""
    rows = []
    for name, value in measured.items():
        if name.startswith("ms of a shower") and "10 GeV" not in name:
            hours, what = value * n / 3.6e6, name.removeprefix("ms of a shower").lstrip(", ")
            rows.append((what, f"{hours:,.1f} core hours, {price * hours:,.0f} in money"))
        elif name.startswith("bytes"):
            rows.append((name, f"{value * n / 1e9:,.1f} GB"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--price", type=float, default=0.03, help="of a core hour: put in your own")
    options = parser.parse_args()
    chosen = options.only
    measured: dict[str, float] = {}
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            measured |= MEASURES[name](Path(folder))
        print(f"measured: {name}", flush=True)
    print("\n| constant | |\n| --- | --- |")
    for name, value in measured.items():
        print(f"| {name} | {value:,.4g} |")
    print("\n| | 10^7 showers | 10^9 showers |\n| --- | --- | --- |")
    for (name, ten), (_, billion) in zip(*(plan(measured, n, options.price) for n in (1e7, 1e9)), strict=True):
        print(f"| {name} | {ten} | {billion} |")


if __name__ == "__main__":
    main()
