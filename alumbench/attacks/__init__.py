"""Searches for texts that change the victim's answer: one file a recipe, TextAttack as the engine."""

from alumbench.attacks.recipe import Recipe, load_recipe, recipe_names

__all__ = ["Recipe", "load_recipe", "recipe_names"]
