"""Generation in parts: shards of a request, made by the jobs of an array or by the workers of an executor.

A shard begins where a block of noise begins, so its showers are those of one undisturbed call: bit for bit on
processors that compute alike, up to rounding on others.
"""

__all__ = ["GenerateShard", "default_shard", "generate_elsewhere", "generate_task"]

import hashlib
import json
import math
import shutil
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from caloforge.api.calls import Progress, ignore
from caloforge.api.filling import ShowerSource
from caloforge.api.generator import GenerateRequest, GeneratorWords, open_source
from caloforge.data.incident import Incident
from caloforge.errors import BadFile, BadValue
from caloforge.simulation.production.array import ArrayStatus, ArrayTask, read_status, require_enough, write_manifest
from caloforge.simulation.production.shards import is_complete, join, shard_folder
from caloforge.simulation.production.workers import run_elsewhere

_BLOCK = 1000  # of a single model
_MOST_BLOCKS = 10  # of a shard where nobody says


@dataclass(frozen=True, eq=False)
class GenerateShard:
    """Some of the showers of a request, as a worker needs it.

    Args:
        path: of the file to write.
        model: to open.
        digest: of the model that is meant.
        incident: the particles of these showers.
        first: place of the first one in the request.
        seed: of the noise.
        batch: showers in memory at a time.
    """

    path: Path
    model: GeneratorWords
    digest: str
    incident: Incident
    first: int
    seed: int
    batch: int

    def write(self) -> Path:
        """Make the showers and write the file; it appears under its name only when complete.

        Raises:
            BadFile: the model that this machine sees is another one.
            UnwritablePath: the file cannot be written.
        """
        source = _opened(self.model, self.digest)
        source.fill(self.path, self.incident, self.seed, self.batch, ignore, self.first)
        return self.path


@lru_cache(maxsize=1)
def _opened(words: GeneratorWords, digest: str) -> ShowerSource:
    """The model of the shard before, if it is the same."""
    if words.digest != digest:
        raise BadFile(words.run, "this worker sees another model there", "put one copy where all of them see it")
    return open_source(words)


def default_shard(n: int, block: int = _BLOCK) -> int:
    """Showers in a shard where nobody says: whole blocks, 64 shards or such of at most ten blocks.

    Args:
        n: showers of the request.
        block: showers whose noise is drawn at a time.
    """
    return block * min(_MOST_BLOCKS, math.ceil(n / (64 * block)))


def _cut(request: GenerateRequest, folder: Path, size: int | None) -> tuple[list[GenerateShard], dict[str, Any], str]:
    """The shards of a request, the facts of the whole, and the digest of all that decides its showers."""
    source, incident = request.open()
    model, seed, n = request.model.everywhere, request.asked.seed, len(incident)
    size = default_shard(n, source.block) if size is None else size
    if size < 1 or size % source.block:
        raise BadValue("shard size", size, f"give a multiple of {source.block}: shards are whole blocks of noise")
    facts, digest = source.facts(seed), model.digest
    particles = hashlib.sha256()
    for field in fields(incident):
        particles.update(getattr(incident, field.name).tobytes())
    identity = [facts, digest, model.device, model.solver, model.steps, size, particles.hexdigest()]
    label = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    shards = [
        GenerateShard(
            folder / f"{label}-{number:05d}.h5",
            model,
            digest,
            incident[first : first + size],
            first,
            seed,
            request.batch,
        )
        for number, first in enumerate(range(0, n, size))
    ]
    return shards, facts, label


def _complete(shard: GenerateShard) -> bool:
    return is_complete(shard.path, len(shard.incident))


def generate_task(
    request: GenerateRequest,
    part: ArrayTask,
    output: Path,
    shard_size: int | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> ArrayStatus:
    """One part of a job array into the folder ``output.shards``; shards that are there are not made again.

    Nothing is merged: that is `caloforge.simulation.production.array.merge_shards`, once all parts are over.

    Args:
        request: of the whole array.
        part: which job of the array this is.
        output: the file that merging will make.
        shard_size: showers in a shard, a multiple of the model's block, the same in all jobs.
        overwrite: whether the output may exist.
        progress: called with the number of showers of this part that are there, and of all of them.

    Raises:
        BadFile, BadValue: as `GenerateRequest.open`; a shard size within a block, more parts than shards.
        UnwritablePath: the output exists or cannot be written.
    """
    with shard_folder(output, overwrite) as folder:
        shards, facts, label = _cut(request, folder, shard_size)
        require_enough(part, len(shards))
        manifest = write_manifest(folder, label, {s.path.name: len(s.incident) for s in shards}, facts)
        mine, done = shards[part.index - 1 :: part.count], 0
        for shard in mine:
            if not _complete(shard):
                shard.write()
            done += len(shard.incident)
            progress(done, sum(len(s.incident) for s in mine))
        return read_status(manifest)


def generate_elsewhere(
    request: GenerateRequest,
    executor: Executor,
    output: Path,
    shard_size: int | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> None:
    """All showers into one file, made by the workers of an executor; called again, it makes only what is missing.

    Args:
        request: what is asked for.
        executor: whose workers see the model and the folder of the output.
        output: HDF5 file to make.
        shard_size: showers in a shard, a multiple of the model's block.
        overwrite: whether the output may exist.
        progress: called with the number of showers made, and of all.

    Raises:
        BadFile, BadValue: as `GenerateRequest.open`; a shard size within a block.
        UnwritablePath: the output exists or cannot be written.
        ClusterFailed: the executor lost a shard; finished ones stay.
    """
    with shard_folder(output, overwrite) as folder:
        shards, facts, _ = _cut(request, folder, shard_size)
        missing = [shard for shard in shards if not _complete(shard)]
        n = sum(len(shard.incident) for shard in shards)
        done = n - sum(len(shard.incident) for shard in missing)

        def finished(shard: GenerateShard) -> None:
            nonlocal done
            done += len(shard.incident)
            progress(done, n)

        run_elsewhere(missing, GenerateShard.write, finished, executor)
        join([shard.path for shard in shards], output, facts)
        shutil.rmtree(folder)
