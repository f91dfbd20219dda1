"""Tests of the engine: batching, scores, token ids."""
