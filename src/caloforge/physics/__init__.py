"""Observables T(h) of a shower, and the laws that they follow.

Pure functions of cells and mesh; users' own observables and laws enter here.
"""
