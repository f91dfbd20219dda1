"""Masked-LM pre-training, from nothing or continued: corpora, tokenizers, masking, packing."""
