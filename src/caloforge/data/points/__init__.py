"""Showers as points: what they are, open files of them, and the way between points and cells."""
