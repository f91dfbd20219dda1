"""Publishes a checkpoint and its figures in the hub's formats."""
