"""caloforge: real Geant4 showers in, a generative model out, and proof that a physicist can trust it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
