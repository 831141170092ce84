"""Energy that the processor's packages took, by the counters of Intel and AMD (RAPL), where the system lets us read."""

__all__ = ["PACKAGES", "energy_between", "read_counters"]

from collections.abc import Mapping
from pathlib import Path

PACKAGES = Path("/sys/class/powercap")
Counters = Mapping[str, tuple[int, int]]  # of each package: its counter, and where it begins again; microjoules


def read_counters(folder: Path = PACKAGES) -> Counters:
    """The counter of each package and its range; none where there are no counters, or only root may read them.

    Args:
        folder: of the kernel's ``powercap``.
    """
    counters = {}
    for package in sorted(folder.glob("*-rapl:[0-9]*")):
        if package.name.count(":") > 1:
            continue  # a part of a package, which that counts already
        try:
            counters[package.name] = (
                int((package / "energy_uj").read_text()),
                int((package / "max_energy_range_uj").read_text()),
            )
        except (OSError, ValueError):
            continue
    return counters


def energy_between(before: Counters, after: Counters) -> float | None:
    """Joules of all packages between two readings less than one turn of a counter apart; None where nothing was read.

    Args:
        before: first reading.
        after: second one.
    """
    packages = before.keys() & after.keys()
    if not packages:
        return None
    return 1e-6 * sum((after[name][0] - before[name][0]) % (after[name][1] + 1) for name in packages)
