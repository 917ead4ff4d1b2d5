"""Sequence to sequence: one text from another, as in translation, pronunciation, inflection, commands to actions."""

METRICS = ("translation", "sequences", "calibration", "selective")  # in the order shown
HAS = ("rows", "costs")  # features that options of several tasks require
HOLDS = "pairs of texts"  # what its files hold
LEARNS = "A sequence-to-sequence model"  # what learns from such files
HELD = "of the pairs, drawn at random"  # what a held-out share is taken from
RECORDS = "pairs"
