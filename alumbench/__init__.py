"""alumbench: train text classifiers with and without ALUM, attack them, and publish what holds."""

__version__ = "0.1.0"
