"""Training with transformers.Trainer and a method: fine-tuning, resuming, and the checkpoint's record."""
