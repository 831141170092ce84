"""The calorimeter on paper: materials, slabs, meshes of cells.

No Geant4 here; `simulation.geant4` builds what this room describes.
"""
