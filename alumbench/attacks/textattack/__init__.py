"""TextAttack as the recipes use it: imported without a network, made faster with the same results, and repaired."""
