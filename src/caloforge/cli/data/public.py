"""`caloforge data list, get`: public sets of showers by name."""

__all__ = ["get", "list_sets"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.data.options import JsonOption
from caloforge.cli.options import OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.public.get import ZENODO, get_set
from caloforge.data.public.sets import PUBLIC_SETS, PublicFile, PublicSet, public_set


def list_sets(json_only: JsonOption = False) -> None:
    """List the public sets, with the record, files, sizes and checksums that are known without asking Zenodo."""
    if json_only:
        print(json.dumps([_facts(chosen) for chosen in PUBLIC_SETS.values()]))
        return
    for chosen in PUBLIC_SETS.values():
        record = f"{ZENODO}/records/{chosen.record}" if chosen.record else "record: see the paper"
        print(f"{chosen.name}: {chosen.about} ({chosen.source})\n  {record}")
        for file in chosen.files:
            size = "" if file.size is None else f"  {file.size / 1e9:.2f} GB"
            print(f"  {file.name}{size}  md5 {file.md5 or 'from Zenodo'}")
        if not chosen.files:
            print("  files, sizes and checksums: asked of Zenodo when they are fetched")


def _facts(chosen: PublicSet) -> dict[str, object]:
    files = [{"name": f.name, "size": f.size, "md5": f.md5} for f in chosen.files]
    facts = {"name": chosen.name, "about": chosen.about, "record": chosen.record, "source": chosen.source}
    return {**facts, "mesh": chosen.mesh, "files": files}


def get(
    name: Annotated[str, typer.Argument(help="of the set, see `caloforge data list`; zenodo:NUMBER for any record")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder; default: one with the name of the set")
    ] = None,
    file: Annotated[list[str] | None, typer.Option(help="only this file of it; may be given repeatedly")] = None,
    overwrite: OverwriteOption = False,
    json_only: JsonOption = False,
) -> None:
    """Fetch a public set from Zenodo: goes on where it was interrupted, and verifies what came."""
    chosen = public_set(name)
    folder = Path(chosen.name) if output is None else output
    with track(f"fetching {chosen.name}", 1.0) as shown:

        def progress(of: str, done: int, total: int | None) -> None:
            if total:
                shown(done / total, f"{of} {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        files = get_set(chosen, folder, file or (), overwrite, progress)
    _report(chosen, files, json_only)


def _report(chosen: PublicSet, files: dict[Path, PublicFile], json_only: bool) -> None:
    if json_only:
        print(json.dumps({"files": [{"path": str(p), "size": f.size, "md5": f.md5} for p, f in files.items()]}))
        return
    for path, fetched in files.items():
        print(f"{path}: {fetched.size} bytes, MD5 {fetched.md5} as Zenodo states")
    if chosen.mesh:
        print(f"open with: caloforge inspect {next(iter(files))} --binning {chosen.mesh}")
