"""The part of `caloforge inspect` for events: how many particles each has, of which kinds, with which energies."""

__all__ = ["inspect_events", "multiplicity_facts", "multiplicity_rows"]

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.formats.hepmc import read_events
from caloforge.metrics.particles import particle_name
from caloforge.units import format_energy


def inspect_events(file: Path, units: str | None, json_only: bool) -> None:
    """Print what a file of HepMC events holds.

    Args:
        file: of HepMC ASCII.
        units: of a file that does not say them.
        json_only: print only JSON.

    Raises:
        BadFile, BadValue: as of `read_events`.
    """
    events = read_events(file, units)
    begin = [f"{low:.4g} to {high:.4g}" for low, high in zip(*_ends(events.vertex), strict=True)]
    facts = {
        "file": str(file),
        "events": len(events),
        "units": events.units,
        **multiplicity_facts(events.multiplicity, events.pdg, events.energy),
        "vertices_mm": dict(zip("xyz", begin, strict=True)),
        "sha256": events.digest,
    }
    if json_only:
        print(json.dumps(facts))
        return
    shown = facts | {"vertices_mm": ", ".join(f"{axis} {text}" for axis, text in facts["vertices_mm"].items())}
    table = shown.pop("by_particle")
    for name, value in shown.items():
        print(f"{name:>20}  {value}")
    print("\n".join(["", *multiplicity_rows(table)]))


def multiplicity_facts(
    multiplicity: Int[Array, " N"], pdg: Int[Array, " k"], energy: Float[Array, " k"]
) -> dict[str, Any]:
    """Particles of each event, in all and by kind, and their energies.

    Args:
        multiplicity: particles of each event.
        pdg: of all particles, event by event.
        energy: MeV.
    """
    event = np.repeat(np.arange(len(multiplicity)), multiplicity)
    kinds = np.unique(pdg)
    rows = [_of_kind(int(kind), event[pdg == kind], energy[pdg == kind], len(multiplicity)) for kind in kinds]
    rows.sort(key=lambda row: -row["particles"])
    return {
        "particles": len(pdg),
        "multiplicity": f"{_ends_of(multiplicity)}, mean {multiplicity.mean():.4g}",
        "energies": _range(energy),
        "by_particle": rows,
    }


def _of_kind(kind: int, event: Int[Array, " k"], energy: Float[Array, " k"], n: int) -> dict[str, Any]:
    counts = np.bincount(event, minlength=n)
    return {
        "particle": particle_name(kind),
        "pdg": kind,
        "particles": len(energy),
        "per_event": _ends_of(counts),
        "mean": float(counts.mean()),
        "energies": _range(energy),
    }


def multiplicity_rows(table: list[dict[str, Any]]) -> list[str]:
    """The table by kind of particle, line by line.

    Args:
        table: ``by_particle`` of `multiplicity_facts`.
    """
    rows = [["particle", "number", "per event", "mean", "energies"]]
    for row in table:
        rows.append([row["particle"], str(row["particles"]), row["per_event"], f"{row['mean']:.3g}", row["energies"]])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _ends_of(counts: Int[Array, " N"]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def _range(energy: Float[Array, " k"]) -> str:
    if not len(energy):
        return "none"
    low, high = (format_energy(float(end)) for end in (energy.min(), energy.max()))
    return low if low == high else f"{low} to {high}"


def _ends(points: Float[Array, "k 3"]) -> tuple[list[float], list[float]]:
    if not len(points):
        return [0.0] * 3, [0.0] * 3
    return points.min(axis=0).tolist(), points.max(axis=0).tolist()
