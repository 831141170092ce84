"""What a trained model has learned: latents, modulation, sensitivity, attribution.

Each part measures one thing on the model and sets Geant4's own value beside it where there is one.
"""
