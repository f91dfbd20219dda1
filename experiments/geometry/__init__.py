"""The geometry of adversarial δ in a model's embedding space, measured and written to files with their evidence."""
