"""Showers from a trained model: seeded sampling, expectations, likelihoods.

The same seed gives the same shower, whatever the batch size or the number asked for.
"""
