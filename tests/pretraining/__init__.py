"""Tests of masked-LM pre-training."""
