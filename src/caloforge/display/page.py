"""The page itself: what is to be seen as JSON, put into the built template; with the model inside, or beside it."""

__all__ = ["Display", "WASM", "built"]

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np

from caloforge import __version__
from caloforge.data.showers import Showers
from caloforge.display.fast_model import FastModel
from caloforge.display.mesh import lateral_edges, mesh_facts
from caloforge.display.packing import packed_showers
from caloforge.display.remarkable import Remarkable
from caloforge.display.truth import Truth
from caloforge.geometry.binning import Binning
from caloforge.metrics.particles import particle_name
from caloforge.simulation.primaries import Mesh

WASM, _GRAPH = "ort.wasm.gz", "model.onnx.gz"
_LABEL = "Geant4, full simulation"


def built(name: str) -> bytes:
    """A file that `make app` built.

    Args:
        name: of the file.
    """
    return (files("caloforge.display") / "built" / name).read_bytes()


@dataclass(frozen=True, eq=False)
class Display:
    """Showers to look at.

    Args:
        title: heading.
        mesh: of all of them.
        detector: its name.
        frame: whether the mesh follows the axis of the shower or stays with the detector.
        truth: showers of Geant4, if there are any.
        fast: the model, if there is one.
        generated: its showers, one for each of the truth's.
        remarkable: showers that buttons lead to.
        truth_name: what the showers of the truth are called.
    """

    title: str
    mesh: Binning
    detector: str
    frame: Mesh
    truth: Truth | None = None
    fast: FastModel | None = None
    generated: Showers | None = None
    remarkable: Sequence[Remarkable] = field(default_factory=tuple)
    truth_name: str = "Geant4"

    @cached_property
    def assets(self) -> Mapping[str, bytes]:
        """What a page loads when a knob is moved, by name."""
        if self.fast is None or self.fast.manifest is None:
            return {}
        return {WASM: built(WASM), _GRAPH: self.fast.packed_graph}

    def to_html(self, whole: bool) -> str:
        """The page.

        Args:
            whole: with the assets inside, so that it needs no server; else it fetches them from beside it.
        """
        inside = self.assets if whole else {}
        scripts = (
            f'<script id="asset-{name}" type="text/plain">{base64.b64encode(content).decode()}</script>'
            for name, content in inside.items()
        )
        parts = {
            "title": html.escape(self.title),
            "style": built("display.css").decode(),
            "licences": html.escape(built("LICENSES.txt").decode()),
            "payload": _in_script(json.dumps(self.payload, allow_nan=False, separators=(",", ":"))),
            "assets": "\n".join(scripts),
            "script": built("display.js").decode().replace("</script", "<\\/script"),
        }
        first, *rest = built("page.html").decode().split("{{")
        pieces = [first]
        for piece in rest:
            name, _, text = piece.partition("}}")
            pieces += [parts[name], text]
        return "".join(pieces)

    @property
    def payload(self) -> dict[str, Any]:
        """What the page is told."""
        shown = None if self.truth is None else self.truth.showers[: self.truth.shown]
        made = None if self.generated is None else self.generated[: self.truth.shown if self.truth else None]
        kinds = [showers.pdg for showers in (shown, made) if showers is not None]
        trained = self.fast.model.trained.particles if self.fast else ()
        pdgs = np.unique(np.concatenate([*kinds, np.array(trained, np.int64)])).tolist()
        sizes = {"wasm": len(self.assets.get(WASM, b"")), "graph": len(self.assets.get(_GRAPH, b""))}
        return {
            "title": self.title,
            "version": __version__,
            "detector": self.detector if self.detector != "unknown" else "detector not named",
            "frame": self.frame,
            "truth": self.truth_name,
            "mesh": mesh_facts(self.mesh),
            "names": {str(pdg): particle_name(pdg) if pdg else "event" for pdg in pdgs},
            "full": None
            if shown is None
            else packed_showers(shown, _LABEL if self.truth_name == "Geant4" else self.truth_name),
            "fast": None if made is None or self.fast is None else packed_showers(made, f"Model {self.fast.name}"),
            "rings": lateral_edges(self.mesh),
            "profiles": [] if self.truth is None else self.truth.profiles,
            "remarkable": [asdict(shower) for shower in self.remarkable],
            "model": None if self.fast is None else self.fast.facts(sizes),
            "noModel": f"No knobs: {self.fast.without}" if self.fast and self.fast.without else "",
        }


def _in_script(text: str) -> str:
    """JSON that ends no script and opens no comment."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
