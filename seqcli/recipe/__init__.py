"""Recipes: typed, from YAML, with every mistake reported at its line."""
