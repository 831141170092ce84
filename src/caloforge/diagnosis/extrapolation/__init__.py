"""A model beside its training range, against real showers of that energy.

How far means, widths and shapes deviate from Geant4 that the model never saw.
"""
