"""How often the shipped checklists fail truth against truth: disjoint random samples of one file, pair after pair.

Every pair is a line of a JSONL file, written at once; a second call goes on where the first one stopped, and --part
divides the pairs among processes. Each file is tabulated once a process. --spoil changes the second sample of each
pair, which must fail at least as many lines as the true one. To save time the floor of an AUC is taken as 0.5 with the
error of equal samples, and numbers that no list asks for are left out.

    python tools/studies/false_alarms.py bundled --out pairs.jsonl
    python tools/studies/false_alarms.py bundled --out pairs.jsonl --sizes 250 --pairs 20 --spoil "response +2 %"
    python tools/studies/false_alarms.py --out pairs.jsonl

The last only prints the tables of what is there.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.classifiers.auc import Classified, classify
from caloforge.classifiers.features import Features
from caloforge.classifiers.protocol import STANDARD as PROTOCOL
from caloforge.classifiers.roc import auc_error
from caloforge.data.bundled import showers_path
from caloforge.data.store import ShowerFile
from caloforge.errors import EmptySample
from caloforge.geometry.readouts import readout
from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.distances import kolmogorov_smirnov
from caloforge.metrics.freaks import clopper_pearson
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.measured import Measured
from caloforge.metrics.physics_summary import summarise_physics
from caloforge.metrics.response import compare_response
from caloforge.physics.observables import OBSERVABLES
from caloforge.rng import stream
from caloforge.validation.checklist import CHECKLISTS, load_checklist
from caloforge.validation.evidence import Evidence, collect
from caloforge.validation.gather import of_freaks, of_permutation, of_physics, of_response, of_two_samples
from caloforge.validation.judgement import judge, outcome
from caloforge.validation.key import Key
from caloforge.validation.multivariate import freaks, permuted, seen_together
from caloforge.validation.parts import subsamples
from caloforge.validation.sample import Sample, read_sample
from caloforge.validation.spoils import SPOILS
from caloforge.validation.univariate import mean_and_columns

P_VALUES = ("two_sample", "permutation", "classifier_test")
LEVELS = (0.01, 0.05, 0.2)
Line = dict[str, Any]


def part_of(sample: Sample, rows: np.ndarray) -> Sample:
    """Some showers of a sample that holds all its cells, with theirs."""
    thinned = sample.thinned(rows)
    return replace(thinned, cells=sample.cells[rows], cell_rows=np.arange(len(rows)))


@dataclass(frozen=True, eq=False)
class Half:
    """One sample of a pair, and what the classifiers see of it, by their names."""

    sample: Sample
    seen: Mapping[str, Features]

    @classmethod
    def of(cls, sample: Sample) -> "Half":
        """With the features computed."""
        inputs = PROTOCOL.inputs_for(sample.binning)
        return cls(sample, {name: x.features(sample.cells, sample.table_of_cells) for name, x in inputs.items()})

    def part(self, rows: np.ndarray) -> "Half":
        """Some of its showers."""
        seen = {name: replace(features, values=features.values[rows]) for name, features in self.seen.items()}
        return Half(part_of(self.sample, rows), seen)


def pair_of(whole: Half, size: int, number: int, spoil: str) -> tuple[Half, Half]:
    """Two disjoint random samples, the second one spoiled."""
    rows = stream(number, f"pair of {size}").permutation(len(whole.sample))[: 2 * size]
    first, second = (whole.part(np.sort(part)) for part in (rows[:size], rows[size:]))
    if spoil == "nothing":
        return first, second
    edges = {name: histograms.edges[0] for name, histograms in first.sample.pooled.items()}
    return first, Half.of(read_sample(SPOILS[spoil](second.sample.cells, number), pooled_edges=edges, keep=size))


def told_apart(first: Half, second: Half, seed: int) -> Iterator[tuple[str, Classified]]:
    """Scores, folds and AUC of every classifier, as `classify` has them; truth against truth is not trained again."""
    for name, given in PROTOCOL.inputs_for(first.sample.binning).items():
        t, g = (half.seen[name] for half in (first, second))
        build = given.network(first.sample.binning)
        found = classify(t, g, seed, given.settings, procedure=given.procedure, build=build, floor=False)
        auc = found.auc
        floor = auc_error(0.5, found.size, found.size)
        yield name, replace(found, auc=Measured(auc.value, auc.error, 0.5, floor))


def numbers(halves: tuple[Half, Half], seed: int) -> Iterator[Evidence]:
    """What the shipped lists ask for, as `compare` measures it; what they do not takes half of the time."""
    first, second = (half.sample for half in halves)
    n, pair, pieces = min(len(first), len(second)), (first, second), subsamples(first, second)
    of_energy = [(s.incident_energy, s.table["response"][:, 0].astype(np.float64)) for s in pair]
    pdg = (first.pdg, second.pdg)
    response = compare_response(of_energy[0], of_energy[1], stream(seed, "response"), pdg=pdg)
    yield from of_response(response, n)
    for name, observable in OBSERVABLES.items():
        if observable.per != "cell":
            tests = kolmogorov_smirnov(first.table[name], second.table[name])
            yield Evidence(Key("ks", name), mean_and_columns(tests)[0], n)
    for piece in pieces:
        (test,) = kolmogorov_smirnov(first.table["response"][piece.truth], second.table["response"][piece.generated])
        yield Evidence(Key("ks", "response", piece.place), test.measured, min(piece.sizes))
    seen = [seen_together(OBSERVABLES, s).values for s in pair]
    yield Evidence(Key("correlation"), measure_correlation_distance(seen[0], seen[1], stream(seed, "correlation")), n)
    with suppress(EmptySample):
        for name, measured in measure_manifold(seen[0], seen[1], stream(seed, "manifold")).items():
            yield Evidence(Key(name), measured, n)
    outside = freaks(OBSERVABLES, first, second, seed)
    if outside is not None:
        yield of_freaks(outside)
    physics = summarise_physics(first, second, (first.table, second.table), stream(seed, "physics"))
    yield from of_physics({"": physics}, n)
    histograms = of_permutation(permuted(OBSERVABLES, first, second, seed), n, [])
    scored = dict(told_apart(*halves, seed))
    yield histograms
    yield from of_two_samples(histograms, scored, None)
    for name, classified in scored.items():
        yield Evidence(Key("auc", name), classified.auc, classified.size)


def judged(halves: tuple[Half, Half], seed: int) -> Line:
    """Outcome of every list and of every line, and the p-values."""
    start = time.process_time()
    evidence = collect(numbers(halves, seed))
    lists, sizes = {}, (len(halves[0].sample), len(halves[1].sample))
    for name in CHECKLISTS:
        checklist = load_checklist(name)
        findings = judge(checklist, evidence.values(), sizes)
        lists[name] = {
            "outcome": str(outcome(findings, checklist)),
            "lines": {finding.test: str(finding.status) for finding in findings},
            "reasons": [finding.reason for finding in findings if finding.status == "fail"],
        }
    p_values = {name: evidence[Key(name)].measured.value for name in P_VALUES}
    areas = {key.text: item.measured.to_dict() for key, item in evidence.items() if key.metric == "auc"}
    return {"lists": lists, **p_values, "auc": areas, "seconds": time.process_time() - start}


def lines_of(path: Path) -> list[Line]:
    """The pairs judged so far; a line that was cut off does not count."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def run(options: argparse.Namespace) -> None:
    """Judge the pairs that are not there."""
    part, parts = map(int, options.part.split("/"))
    wanted = list(zip(options.sizes, options.pairs, strict=True))
    for name in options.files:
        with ShowerFile(showers_path(name), readout(options.binning) if options.binning else None) as file:
            whole = Half.of(read_sample(file, keep=len(file)))
        label = Path(name).stem
        there = {(x["file"], x["size"], x["number"], x["spoil"]) for x in lines_of(options.out)}
        for size, pairs in wanted:
            for number in range(part, pairs, parts):
                key = (label, size, number, options.spoil)
                if key in there or 2 * size > len(whole.sample):
                    continue
                line = {"file": label, "size": size, "number": number, "spoil": options.spoil}
                line |= judged(pair_of(whole, size, number, options.spoil), number)
                with options.out.open("a") as out:
                    out.write(json.dumps(line) + "\n")


def interval(count: int, of: int) -> str:
    """Clopper and Pearson's, 95 %."""
    low, high = clopper_pearson(count, of)
    return f"{100 * count / of:.1f} % ({100 * low:.1f}–{100 * high:.1f} %)"


def groups(lines: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    """By spoil, file and size; then all pairs of the truth."""
    keys = sorted({(x["spoil"], x["file"], x["size"]) for x in lines}, key=lambda k: (k[0] != "nothing", *k))
    for spoil, file, size in keys:
        members = [x for x in lines if (x["spoil"], x["file"], x["size"]) == (spoil, file, size)]
        yield f"{file}, {size:,}" + ("" if spoil == "nothing" else f", {spoil}"), members
    if true := [x for x in lines if x["spoil"] == "nothing"]:
        yield "all of the truth", true


def print_tables(lines: Sequence[Line]) -> None:
    """Outcomes of each list, lines that failed, and how often each p-value is small."""
    for name in CHECKLISTS:
        print(f"\n{name}\n\n| showers of each | pairs | pass | cannot tell | fail | 95 % interval | lines failed |")
        print("|---|---|---|---|---|---|---|")
        for label, members in groups(lines):
            lists = [x["lists"][name] for x in members]
            outcomes = Counter(x["outcome"] for x in lists)
            failed = Counter(line for x in lists for line, status in x["lines"].items() if status == "fail")
            words = ", ".join(f"{line} {count}" for line, count in failed.most_common()) or "none"
            row = (len(members), *(outcomes[status] for status in ("pass", "cannot tell", "fail")))
            print(f"| {label} | {' | '.join(map(str, row))} | {interval(row[-1], row[0])} | {words} |")
    print(f"\n| p-value | pairs |{'|'.join(f' up to {level:g} ' for level in LEVELS)}|")
    print("|---|---|" + "---|" * len(LEVELS))
    true = [x for x in lines if x["spoil"] == "nothing"]
    for name in P_VALUES if true else ():
        shares = (interval(sum(x[name] <= level for x in true), len(true)) for level in LEVELS)
        print(f"| {name} | {len(true)} | {' | '.join(shares)} |")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="files of showers of the truth, or bundled")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 5000], help="showers of each sample")
    parser.add_argument("--pairs", type=int, nargs="+", default=[100, 40, 10], help="how many of each size")
    parser.add_argument("--binning", help="mesh by name, for files that carry none")
    parser.add_argument("--spoil", default="nothing", choices=SPOILS, help="done to the second sample")
    parser.add_argument("--part", default="0/1", metavar="I/K", help="every K-th pair, from I on")
    parser.add_argument("--out", type=Path, required=True, help="JSONL, added to")
    options = parser.parse_args()
    if len(options.sizes) != len(options.pairs):
        parser.error("give a number of pairs for each size")
    run(options)
    print_tables(lines_of(options.out))


if __name__ == "__main__":
    main()
