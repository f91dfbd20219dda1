"""One file a recipe, each with its `RECIPE`."""
