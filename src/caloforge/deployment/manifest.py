"""``bundle.json``: what a bundle holds, which inputs its graph has, and what its model was trained on."""

__all__ = ["MANIFEST", "Manifest", "Tensor", "sha256_of"]

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from caloforge.errors import BadFile
from caloforge.files import finite_json
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained

MANIFEST = "bundle.json"
_SCHEMA = 1
_AGAIN = "export the model again"
_MOST = 2**31 - 1  # of whole numbers
_ROUNDING = 1e-6  # rad: angles of files are float32
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # of a file in the folder itself


@dataclass(frozen=True)
class Tensor:
    """An input or output of the graph: rows of ``width`` numbers, one row a shower.

    Args:
        name: in the graph.
        width: numbers of a row; 0 where the tensor has no second axis.
        kind: ``float32`` or ``int64``.
        meaning: what the numbers are, with their unit.
    """

    name: str
    width: int
    kind: str
    meaning: str


@dataclass(frozen=True)
class Manifest:
    """All that is known of a bundle without looking into its graph.

    Args:
        target: whose contract the graph keeps.
        model: name of the model.
        files: name of each file -> its SHA-256.
        inputs: of the graph, in order.
        outputs: of the graph; the first one has the energies.
        noise: standard normals of one shower.
        block: showers whose noise is drawn at a time, which decides what a seed means.
        trained: particles and ranges.
        mesh: of the showers.
        detector: that of the training showers, or ``unknown``.
        training: provenance of the training.
        options: of the target.
        parity: how the graph compares with PyTorch in double precision.
    """

    target: str
    model: str
    files: Mapping[str, str]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    noise: int
    block: int
    trained: Trained
    mesh: Binning
    detector: str = "unknown"
    training: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands in the file."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        tables = {name: [asdict(tensor) for tensor in getattr(self, name)] for name in ("inputs", "outputs")}
        facts = values | tables | {"trained": asdict(self.trained), "mesh": self.mesh.to_xml()}
        return json.dumps(finite_json({"schema": _SCHEMA} | facts), indent=1)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """That of a folder.

        Args:
            folder: of the bundle.

        Raises:
            BadFile: there is none, or it is damaged.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise BadFile(folder, f"no {MANIFEST}, so this is no bundle", "caloforge export RUN -o bundle makes one")
        try:
            facts = json.loads(path.read_text())
            schema = facts.pop("schema")
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise BadFile(path, f"no manifest of a bundle ({error})", _AGAIN) from error
        if schema != _SCHEMA:
            raise BadFile(path, f"schema {schema!r}, where this caloforge reads {_SCHEMA}", _AGAIN)
        try:
            return cls._of(facts, path)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadFile(path, f"a field is missing or is not what it should be ({error})", _AGAIN) from error

    @classmethod
    def _of(cls, facts: dict[str, Any], path: Path) -> "Manifest":
        trained = facts["trained"]
        if not isinstance(trained["hidden"], bool):
            raise ValueError(f"hidden is {trained['hidden']!r}")
        return cls(
            target=str(facts["target"]),
            model=str(facts["model"]),
            files={_plain(name): str(digest) for name, digest in facts["files"].items()},
            inputs=tuple(_tensor(item) for item in facts["inputs"]),
            outputs=tuple(_tensor(item) for item in facts["outputs"]),
            noise=_count("noise", facts["noise"], 1),
            block=_count("block", facts["block"], 1),
            trained=Trained(
                _particles(trained["particles"]),
                _ends("energy", trained["energy"], math.ulp(0.0), math.inf),
                _ends("theta", trained["theta"], 0.0, math.pi / 2 + _ROUNDING),
                _ends("phi", trained["phi"], -2 * math.pi - _ROUNDING, 2 * math.pi + _ROUNDING),
                trained["hidden"],
            ),
            mesh=Binning.from_xml(facts["mesh"], path),
            detector=str(facts["detector"]),
            training=dict(facts["training"]),
            options=dict(facts["options"]),
            parity=dict(facts["parity"]),
        )


def _plain(name: str) -> str:
    """The name of a file that lies in the folder itself."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the plain name of a file")
    return name


def _count(what: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
        raise ValueError(f"{what} is {value!r}")
    return value


def _particles(numbers: Any) -> tuple[int, ...]:
    """PDG numbers in rising order, one at least."""
    particles = tuple(_count("particle", abs(pdg), 1) * (1 if pdg > 0 else -1) for pdg in numbers)
    if not particles or any(first >= second for first, second in pairwise(particles)):
        raise ValueError(f"particles are {numbers!r}")
    return particles


def _ends(what: str, ends: Any, least: float, most: float) -> tuple[float, float]:
    """Lowest and highest value of a range."""
    low, high = map(float, ends)
    if not (least <= low <= high <= most and math.isfinite(high)):
        raise ValueError(f"{what} is {ends!r}")
    return low, high


def _tensor(item: Mapping[str, Any]) -> Tensor:
    if item["kind"] not in ("float32", "int64"):
        raise ValueError(f"numbers of kind {item['kind']!r}")
    return Tensor(str(item["name"]), _count("width", item["width"]), item["kind"], str(item["meaning"]))


def sha256_of(content: bytes) -> str:
    """Hash of a file's content, as `Manifest.files` has it.

    Args:
        content: of the file.
    """
    return hashlib.sha256(content).hexdigest()
