"""Which model for which task: figures that were measured on the models that come with caloforge, and what they say."""
