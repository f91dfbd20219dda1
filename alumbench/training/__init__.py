"""transformers.Trainer carrying a method: fine-tuning, resuming, and the record of how a checkpoint came to be."""
