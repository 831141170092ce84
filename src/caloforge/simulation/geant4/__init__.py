"""The engine: Detector + Primaries + Binning -> Showers in this process.

The only room that imports Geant4.
"""
