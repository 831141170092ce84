"""Distances between two samples of showers, each with its error and its truth-against-truth floor.

Numbers only: what they mean for a model is decided in `validation` and `diagnosis`.
"""
