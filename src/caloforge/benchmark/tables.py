"""The costs as a Markdown table, which goes into documents as it is."""

__all__ = ["by_engine", "markdown"]

from collections.abc import Sequence
from dataclasses import astuple

from caloforge.benchmark.run import Results
from caloforge.benchmark.task import PEERS, Cost
from caloforge.units import format_energy

_HEAD = (
    "what",
    "engine",
    "device",
    "threads",
    "energy",
    "showers at a time",
    "ms a shower (quartiles)",
    "processor, ms",
    "showers/s",
    "first call, s",
    "peak, MB",
)
_NAMES = {"geant4": "Geant4", "gflash": "Gflash"}


def markdown(results: Results) -> str:
    """A row for each cost, and below it what could not be measured.

    Args:
        results: of a benchmark.
    """
    costs = results.costs
    joules = any(cost.joules is not None for cost in costs)
    full = {(cost.name, cost.energy): cost.processor_ms for cost in costs if cost.engine == "geant4"}
    head = [*_HEAD, *(["J a shower"] if joules else []), *(["times faster than Geant4"] if full else [])]
    rows = []
    for cost in costs:
        row = _row(cost)
        if joules:
            row.append("" if cost.joules is None else _digits(cost.joules))
        if full:
            truth = full.get((cost.name, cost.energy))
            row.append(
                "" if truth is None or cost.engine == "geant4" else _digits(truth / max(cost.processor_ms, 1e-9))
            )
        rows.append(row)
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = [
        f"Not measured: {name}, {engine}, {device}, {'one thread' if threads == 1 else f'{threads} threads'}: {problem}"
        for name, engine, device, threads, problem in map(astuple, results.failures)
    ]
    if not joules:
        notes.append("Energy in joules: the counters of this processor (RAPL) cannot be read.")
    return "\n\n".join([text, *notes])


def _row(cost: Cost) -> list[str]:
    low, high = cost.quartiles
    peer = cost.engine in PEERS
    return [
        cost.name.replace("|", r"\|"),
        _NAMES.get(cost.engine, cost.engine),
        cost.device,
        str(cost.threads),
        format_energy(cost.energy),
        f"{cost.batch:,}",
        f"{_digits(cost.ms)} ({_digits(low)} to {_digits(high)})",
        _digits(cost.processor_ms),
        _digits(1e3 / cost.ms),
        _digits(cost.first_seconds),
        f"{cost.peak_mb:.0f}" + ("" if peer or cost.card_mb is None else f" + {cost.card_mb:.0f} on the card"),
    ]


def _digits(value: float) -> str:
    """Two or three digits, without powers of ten where few zeros do."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):.10f}".rstrip("0").rstrip(".") if value >= 1e-4 else f"{value:.2g}"


def by_engine(costs: Sequence[Cost]) -> dict[tuple[str, str, str, int], list[Cost]]:
    """Costs of models and peers by what computed them: name, engine, device and threads.

    Args:
        costs: of a benchmark.
    """
    groups: dict[tuple[str, str, str, int], list[Cost]] = {}
    for cost in costs:
        if cost.engine != "limit":
            groups.setdefault((cost.name, cost.engine, cost.device, cost.threads), []).append(cost)
    return groups
