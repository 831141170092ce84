"""What a shower costs: models on every engine beside Geant4, Gflash and the limits, in one run on one machine."""
