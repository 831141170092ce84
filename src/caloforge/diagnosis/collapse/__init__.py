"""Lost modes, posterior collapse, copies of training showers.

Generated, held-out and training showers side by side; each test ends in one finding.
"""
