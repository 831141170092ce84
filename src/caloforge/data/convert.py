"""One file of showers into another format, block by block: points on a mesh, cells as points, and what gets lost."""

__all__ = ["Conversion", "Remeshing", "convert_file", "lost_facts"]

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from caloforge.data.bundled import showers_path
from caloforge.data.formats.base import Fact, Format
from caloforge.data.formats.options import NO_OPTIONS, ReadOptions, WriteOptions
from caloforge.data.formats.registry import detect, format_named
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import open_any
from caloforge.data.points.celled import CelledFile
from caloforge.data.points.placed import PlacedFile
from caloforge.data.points.placement import Placement
from caloforge.data.points.point_file import PointFile
from caloforge.data.points.remeshed import ScatteredFile, VoxelisedFile
from caloforge.data.points.voxelise import Place
from caloforge.errors import BadFile, BadValue, UnwritablePath
from caloforge.files import replace_all_when_complete, require_new
from caloforge.geometry.calo_cells import CaloCells

_WORDS: dict[Fact, str] = {
    "cell_id": "identifiers of cells",
    "layer": "numbers of layers",
    "depth": "depths of layers",
    "events": "the particles of events",
    "time": "times",
}
_ROUNDING = 1e-9
_PLAIN_PARTICLE = 11  # what a file that names none counts as


@dataclass(frozen=True)
class Remeshing:
    """How points are laid on a mesh, or cells become points.

    Args:
        placement: where the mesh lies among points; also moves points into the frame of the face.
        place: of a point in its cell.
        seed: of places uniform in the cell.
        cells: of a whole calorimeter, in which points are summed that stay points.
    """

    placement: Placement | None = None
    place: Place = "centre"
    seed: int = 0
    cells: CaloCells | None = None


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Args:
        output: the new file.
        companions: small files written with it, such as the XML of the mesh.
        source_format: name of the format that was read.
        format: name of the format that was written.
        showers: how many.
        warnings: what the new file has no place for, or holds where only caloforge reads it.
        energy_outside_mesh: share of the energy of points that no cell holds; None where nothing was voxelised.
    """

    output: Path
    companions: list[Path]
    source_format: str
    format: str
    showers: int
    warnings: list[str] = field(default_factory=list)
    energy_outside_mesh: float | None = None


def convert_file(
    source: str | Path,
    output: str | Path,
    to: str = "caloforge",
    options: ReadOptions = NO_OPTIONS,
    name: str | None = None,
    remeshing: Remeshing = Remeshing(),
    write: WriteOptions = WriteOptions(),  # noqa: B008 -- immutable
    overwrite: bool = False,
    warn: Callable[[str], None] = lambda text: None,
) -> Conversion:
    """Convert in blocks; the output appears only when it is complete.

    Args:
        source: file of showers in any format that is read, or ``bundled``.
        output: the new file.
        to: name of its format.
        options: what the user says of the source.
        name: of the format of the source; found by its content when not given.
        remeshing: from points to a mesh, from a mesh to points.
        write: how to write.
        overwrite: replace an output that exists.
        warn: called with each sentence on what gets lost.

    Raises:
        BadFile: the source cannot be read, holds points and no mesh was given, or no point lies on the mesh.
        BadValue: a format that is only read, an option without a use.
        UnknownName: no format of that name.
        UnwritablePath: the output exists, is an input, or cannot be written.
    """
    path, output, layout = showers_path(source), Path(output), format_named(to)
    if not layout.writes:
        raise BadValue("output format", to, f"{layout.title} is only read; choose another --to")
    require_new(output, overwrite, [path])
    if not output.parent.is_dir():
        raise UnwritablePath(output, "the folder is missing")
    source_format = detect(path).name if name is None else name
    with open_any(path, options, source_format) as opened:
        file = _as_kind(opened, layout, options, remeshing)
        warnings = lost_facts(file, layout)
        for text in warnings:
            warn(text)
        companions = layout.companions(file, output)
        for beside in companions:
            if beside == output:
                raise UnwritablePath(output, f"{beside.name} is what stands beside the file of showers")
            require_new(beside, overwrite, [path])

        def write_all(place: Path) -> None:
            layout.write(file, place, write)
            if (_outside(file) or 0.0) > 1 - _ROUNDING:
                remedy = "say where it lies with --axis, --origin or --first-layer, or choose another"
                raise BadFile(path, "all of its energy lies outside the mesh", remedy)

        replace_all_when_complete(output, write_all, companions)
        return Conversion(output, list(companions), source_format, to, len(file), warnings, _outside(file))


def _outside(file: MeshFile | PointFile) -> float | None:
    """Share of the energy of points that no cell holds; None where nothing was voxelised."""
    if isinstance(file, VoxelisedFile):
        return file.outside
    return file.final_facts.get("energy_outside_mesh") if isinstance(file, CelledFile) else None


def _as_kind(
    file: MeshFile | PointFile, layout: Format, options: ReadOptions, remeshing: Remeshing
) -> MeshFile | PointFile:
    """The file as the kind that a format holds."""
    if remeshing.cells is not None:
        if isinstance(file, MeshFile) or layout.holds == "mesh":
            raise BadValue("cells", "of a calorimeter", "they take points to points: choose another --to, or --binning")
        return CelledFile(file, remeshing.cells)
    if isinstance(file, MeshFile) and layout.holds == "mesh":
        return file
    if isinstance(file, MeshFile):
        return ScatteredFile(file, remeshing.place, remeshing.seed)
    if layout.holds == "points":
        return file if remeshing.placement is None else PlacedFile(file, remeshing.placement)
    if options.binning is None:
        raise BadFile(file.path, f"it holds points, {layout.title} holds cells", "give the mesh with --binning")
    return VoxelisedFile(file, options.binning, remeshing.placement)


def lost_facts(source: MeshFile | PointFile, layout: Format) -> list[str]:
    """What a format has no place for, and what it holds where only caloforge reads it: a sentence each, if any.

    Args:
        source: what is written.
        layout: the format.
    """
    if not layout.lacks | layout.aside:
        return []
    facts = _mesh_facts(source) if isinstance(source, MeshFile) else _point_facts(source)
    sentences = []
    for names, fate in (
        (layout.lacks, "lost"),
        (layout.aside - layout.lacks, "kept where only caloforge reads them"),
    ):
        if lost := [_WORDS.get(fact, fact.replace("_", " ")) for fact in sorted(facts & names)]:
            listed = " and ".join(filter(None, (", ".join(lost[:-1]), lost[-1])))
            sentences.append(f"{layout.title} has no place for {listed}: {fate}")
    return ["; ".join(sentences)] if sentences else []


def _mesh_facts(source: MeshFile) -> frozenset[Fact]:
    """What this file has to lose."""
    facts: set[Fact] = {"mesh"}
    if (source.incident().pdg != _PLAIN_PARTICLE).any():
        facts.add("particle")
    if source.oblique:
        facts.add("angles")
    if source.provenance.facts or source.detector != "unknown":
        facts.add("provenance")
    if source.binning.z_edges is not None:
        facts.add("depth")
    if source.holds_events:
        facts.add("events")
    if source.holds_times:
        facts.add("time")
    return frozenset(facts)


def _point_facts(source: PointFile) -> frozenset[Fact]:
    """What the first showers have to lose."""
    first = source[: min(len(source), source.showers_at_once, 100)]
    columns: dict[Fact, object] = {"time": first.time, "layer": first.layer, "cell_id": first.cell}
    facts = {fact for fact, values in columns.items() if values is not None}
    if (first.pdg != 0).any():
        facts.add("particle")
    if np.isfinite(first.direction).any():
        facts.add("angles")
    if first.provenance.facts or first.detector != "unknown":
        facts.add("provenance")
    return frozenset(facts)
