"""Classifiers that try to tell generated showers from Geant4's.

Tables of features, networks, cross-validation, the area under the ROC curve with its floor, importance of inputs.
"""
