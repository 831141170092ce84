"""The data files that Geant4 reads, written from published numbers.

Used where the user has no official Geant4 data sets.
"""
