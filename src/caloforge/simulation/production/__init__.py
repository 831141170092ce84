"""Many showers: shards over processes, job arrays and clusters, resumed and merged.

The file is the same, bit for bit, on any number of workers.
"""
