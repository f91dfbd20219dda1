"""Threat models, one file each: the set of texts that an attacker may replace a text with."""
