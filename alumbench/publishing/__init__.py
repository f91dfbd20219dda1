"""A checkpoint and what was measured on it, in the forms that the hub reads."""
