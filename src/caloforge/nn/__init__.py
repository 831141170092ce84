"""Layers that models share.

Conditioning and what it does outside the training range, perceptrons, statistics of a minibatch.
"""
