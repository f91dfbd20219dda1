"""Attacks: searches for changes of the victim's answer. One file per recipe; TextAttack makes the texts."""

from alumbench.attacks.recipe import Recipe, load_recipe, recipe_names
from alumbench.attacks.white_box import Batch, WhiteBoxAttack, WhiteBoxRecipe

__all__ = ["Batch", "Recipe", "WhiteBoxAttack", "WhiteBoxRecipe", "load_recipe", "recipe_names"]
