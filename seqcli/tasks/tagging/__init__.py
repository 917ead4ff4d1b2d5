"""Tagging: a label for every word, or every character, of a sentence."""

METRICS = ("accuracy", "spans", "calibration", "cross-entropy")  # as they are shown
