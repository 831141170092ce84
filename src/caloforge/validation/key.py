"""What a number is of: a metric, an observable or what a classifier sees, and the place where it is looked at.

The one text form is ``metric/observable @ kind: label``; without an observable there is no slash, and without a place
it means all showers: ``fpd``, ``auc/high``, ``separation/layer_energy @ layer: layer 3``.
"""

__all__ = ["ALL_SHOWERS", "WHERE", "Key", "Place", "Where"]

from typing import Literal, NamedTuple, get_args

from caloforge.errors import UnknownName

Where = Literal["overall", "energy bin", "angle bin", "particle", "layer", "ring", "column"]
WHERE: tuple[Where, ...] = get_args(Where)
_AT = " @ "


class Place(NamedTuple):
    """Which showers, or which part of them.

    Args:
        kind: of the part.
        label: the part in words.
    """

    kind: Where
    label: str


ALL_SHOWERS = Place("overall", "all showers")


class Key(NamedTuple):
    """What a number is of.

    Args:
        metric: ``separation``, ``response_bias``, ``auc``, ...
        observable: that is compared, what a classifier sees, or the quantity of a law; empty where it is everything.
        place: where.

    Example:
        >>> Key.parse("separation/layer_energy @ layer: layer 3").place
        Place(kind='layer', label='layer 3')
    """

    metric: str
    observable: str = ""
    place: Place = ALL_SHOWERS

    @property
    def name(self) -> str:
        """Metric and observable, as a checklist names them."""
        return f"{self.metric}/{self.observable}" if self.observable else self.metric

    @property
    def text(self) -> str:
        """The one text form, which `parse` reads."""
        return self.name if self.place == ALL_SHOWERS else f"{self.name}{_AT}{self.place.kind}: {self.place.label}"

    @classmethod
    def parse(cls, text: str) -> "Key":
        """The key that has this text form.

        Args:
            text: as `Key.text` gives it.

        Raises:
            UnknownName: a place of no known kind.
        """
        name, _, place = text.partition(_AT)
        metric, _, observable = name.partition("/")
        if not place:
            return cls(metric, observable)
        kind, _, label = place.partition(": ")
        if kind not in WHERE:
            raise UnknownName("kind of place", kind, WHERE)
        return cls(metric, observable, Place(kind, label))
