"""The steps that come with caloforge: their names and options."""

__all__ = [
    "DequantiseStep",
    "LogStep",
    "LogitStep",
    "PowerStep",
    "QuantileStep",
    "RatioChainStep",
    "SpectrumStep",
    "StandardiseStep",
]

from typing import Literal

from pydantic import Field, field_validator

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.cell_maps import Power
from caloforge.preprocessing.chain import EnergyChain
from caloforge.preprocessing.quantile import Quantile
from caloforge.preprocessing.spectrum import CellSpectrum
from caloforge.preprocessing.step import CellStep, EnergyStep, register_step
from caloforge.preprocessing.transforms import Columns, Dequantise, Log, Logit, Standardize
from caloforge.units import parse_energy


@register_step
class RatioChainStep(EnergyStep):
    """`EnergyChain`: the total over the incident energy or over ``unit``, then ratios from the back."""

    name: Literal["ratio-chain"] = "ratio-chain"
    unit: str | None = None

    @field_validator("unit")
    @classmethod
    def _energy(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                parse_energy(value)
        except BadValue as error:
            raise ValueError(str(error)) from error
        return value

    def build(self, features: int) -> EnergyChain:
        """The chain.

        Args:
            features: layers.
        """
        return EnergyChain(None if self.unit is None else parse_energy(self.unit))


@register_step
class LogStep(EnergyStep):
    """`Log` of all features, of the first or of the others."""

    name: Literal["log"] = "log"
    columns: Columns = "all"

    def build(self, features: int) -> Log:
        """The logarithm.

        Args:
            features: columns.
        """
        return Log(features, self.columns)


@register_step
class LogitStep(EnergyStep):
    """`Logit` of all features, of the first or of the others."""

    name: Literal["logit"] = "logit"
    columns: Columns = "all"

    def build(self, features: int) -> Logit:
        """The logit.

        Args:
            features: columns.
        """
        return Logit(self.columns)


@register_step
class DequantiseStep(EnergyStep):
    """`Dequantise`: exact zeros and ones go to bands of this width."""

    name: Literal["dequantise"] = "dequantise"
    width: float = Field(2.0, gt=0, allow_inf_nan=False)

    def build(self, features: int) -> Dequantise:
        """The bands.

        Args:
            features: columns.
        """
        return Dequantise(features, self.width)


@register_step
class StandardiseStep(EnergyStep):
    """`Standardize`: zero mean, unit variance."""

    name: Literal["standardise"] = "standardise"

    def build(self, features: int) -> Standardize:
        """The scale.

        Args:
            features: columns.
        """
        return Standardize(features)


@register_step
class QuantileStep(EnergyStep):
    """`Quantile`: every feature normal."""

    name: Literal["quantile"] = "quantile"
    knots: int = Field(64, ge=4, le=4096)

    def build(self, features: int) -> Quantile:
        """The map.

        Args:
            features: columns.
        """
        return Quantile(features, self.knots)


@register_step
class SpectrumStep(CellStep):
    """`CellSpectrum`: weights whose spectrum gamma variates can draw."""

    name: Literal["spectrum"] = "spectrum"

    def build(self, binning: Binning) -> CellSpectrum:
        """The map.

        Args:
            binning: the mesh.
        """
        return CellSpectrum(binning)


@register_step
class PowerStep(CellStep):
    """`Power`: weights that are a power of the energy."""

    name: Literal["power"] = "power"
    exponent: float = Field(0.5, gt=0.05, lt=20)

    def build(self, binning: Binning) -> Power:
        """The map.

        Args:
            binning: of no consequence.
        """
        return Power(self.exponent)
