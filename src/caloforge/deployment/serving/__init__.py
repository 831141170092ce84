"""Showers over HTTP: requests of many clients share batches of one model; needs the extra `serve`."""
