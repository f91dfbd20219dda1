"""How a model is trained: one file a method, found by its `METHOD`."""

from alumbench.methods.method import Loss, Method, Step, load_method, make_method, method_names

__all__ = ["Loss", "Method", "Step", "load_method", "make_method", "method_names"]
