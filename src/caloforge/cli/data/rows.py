"""`caloforge data select, head, slice, weight`: some of the showers of a file."""

__all__ = ["head", "select", "slice_rows", "weight"]

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.data.options import Input, JsonOption, Output, run_operation
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.errors import BadFile, BadValue
from caloforge.units import parse_angle, parse_energy

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray as Array


def select(
    source: Input,
    output: Output,
    energy: Annotated[str | None, typer.Option(help="lowest and highest incident energy, 10GeV:50GeV say")] = None,
    theta: Annotated[str | None, typer.Option(help="lowest and highest angle to the normal, 0deg:20deg say")] = None,
    particle: Annotated[
        list[str] | None, typer.Option(help="name or PDG number of the particle; may be given repeatedly")
    ] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Keep the showers of a range of energies, angles, or of some particles."""
    from caloforge.data.operations.rows import Select

    operation = Select(
        energy=None if energy is None else _ends(energy, parse_energy, "--energy"),
        theta=None if theta is None else _ends(theta, parse_angle, "--theta"),
        pdg=tuple(map(_pdg, particle)) if particle else None,
    )
    run_operation(operation, source, output, overwrite, binning, json_only)


def _ends(text: str, parse: Callable[[str], float], what: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    if not colon:
        raise BadValue(what, text, "write the lowest and the highest value, with units: low:high")
    return parse(low), parse(high)


def _pdg(name: str) -> int:
    from caloforge.simulation.beam import parse_particle

    return int(name) if name.lstrip("-").isdigit() else parse_particle(name)


def head(
    source: Input,
    output: Output,
    n: Annotated[int, typer.Option("-n", min=1, help="showers to keep")] = 1000,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Keep the first showers of a file."""
    from caloforge.data.operations.rows import Slice

    run_operation(Slice(stop=n), source, output, overwrite, binning, json_only)


def slice_rows(
    source: Input,
    output: Output,
    start: Annotated[int, typer.Option(min=0, help="first row, from 0")] = 0,
    stop: Annotated[int | None, typer.Option(min=1, help="row after the last; default: to the end")] = None,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Keep the showers from one row up to another."""
    from caloforge.data.operations.rows import Slice

    run_operation(Slice(start=start, stop=stop), source, output, overwrite, binning, json_only)


def weight(
    source: Input,
    output: Output,
    power: Annotated[
        float | None, typer.Option(help="weight of a shower: its incident energy to this power, -1 say")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="NumPy file (.npy) with one weight for each shower, in the file's order")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers")] = 1,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Keep each shower with a chance by weight; weights of `caloforge reweight` are applied by its --apply."""
    import numpy as np

    from caloforge.data.opening import open_showers
    from caloforge.data.operations.rows import Weight

    if (power is None) == (weights is None):
        raise BadValue("--power, --weights", [power, weights], "give one of the two")
    if weights is not None:
        values, by = _read_numbers(weights), weights.name
    else:
        assert power is not None
        with open_showers(source, binning) as file:
            log_energy = np.log(np.asarray(file.incident().energy, np.float64))
        values, by = np.exp(power * log_energy - (power * log_energy).max()), f"incident energy to the power {power:g}"
    run_operation(Weight(weights=values, by=by, seed=seed), source, output, overwrite, binning, json_only)


def _read_numbers(path: Path) -> "Float[Array, ' N']":
    import numpy as np

    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise BadFile(path, "no such file", "give a NumPy file of weights") from error
    except (OSError, ValueError, EOFError) as error:
        raise BadFile(path, "not a NumPy file of numbers", "write it with numpy.save") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.ndim != 1:
        raise BadFile(path, "not one number for each shower", "write a one-dimensional array with numpy.save")
    return values.astype(np.float64)
