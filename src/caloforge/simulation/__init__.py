"""Truth: real Geant4 showers, and the classical parametrisation beside it.

Beams and physics lists here; the engine, its data tables and the production of files in folders of their own.
"""
