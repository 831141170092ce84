"""Showers and the particles that made them: objects, HDF5 files, splits, merging.

Nothing here knows Geant4 or a model; a file is checked once, when it is opened.
"""
