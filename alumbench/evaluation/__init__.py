"""A suite on a checkpoint: records, resuming, and their figures."""
