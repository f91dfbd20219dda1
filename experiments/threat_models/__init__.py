"""How close attacks come to the worst case within threat models."""
