"""Do the intervals that a model states hold the truth as often as they say?

Coverage on held-out showers, and the factors on the model error that mend it.
"""
