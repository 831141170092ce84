"""Event display: showers in their calorimeter, Geant4 beside a model, as one page that needs no server."""

__all__: list[str] = []
