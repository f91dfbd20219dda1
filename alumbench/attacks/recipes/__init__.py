"""One file per recipe, each with its `RECIPE`."""
