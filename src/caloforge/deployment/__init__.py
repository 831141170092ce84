"""Models handed over to other software: bundles that need neither PyTorch nor caloforge to be computed."""
