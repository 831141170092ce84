"""What objects show of themselves at a glance, in a notebook or in a line: a table of facts, and their words."""

__all__ = ["html_of", "mesh_in_words"]

from collections.abc import Mapping

from caloforge.geometry.binning import Binning
from caloforge.reporting.markup import table, text


def html_of(name: str, facts: Mapping[str, str]) -> str:
    """A table of facts as HTML.

    Args:
        name: of the object.
        facts: what it says of itself.
    """
    return str(table(("", ""), ((text(fact), text(value)) for fact, value in facts.items()), name))


def mesh_in_words(binning: Binning) -> str:
    """Name and size of a mesh.

    Args:
        binning: the mesh.
    """
    return f"{binning.name}: {binning.n_layers} layers, {binning.n_voxels:,} cells"
