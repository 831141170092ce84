"""Generated showers weighted by a classifier so that they come closer to truth."""
