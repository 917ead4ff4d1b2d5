"""Tagging: a label for every word, or every character, of a sentence."""
