"""Generated showers weighted by a classifier so that they come closer to Geant4's.

Weights and their judgement always come from disjoint showers.
"""
