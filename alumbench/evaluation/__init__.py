"""A suite on a checkpoint: records, resuming, and what they add up to."""
