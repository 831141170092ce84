"""How many true showers a generated sample is worth.

The trained model against its own training sample, bin by bin of an observable.
"""
