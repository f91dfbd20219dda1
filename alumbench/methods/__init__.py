"""Training methods: one file for each, found by its `METHOD`."""

from alumbench.methods.method import Loss, Method, Step, StepContext, load_method, make_method, method_names
from alumbench.methods.training_data import TrainingData

__all__ = ["Loss", "Method", "Step", "StepContext", "TrainingData", "load_method", "make_method", "method_names"]
