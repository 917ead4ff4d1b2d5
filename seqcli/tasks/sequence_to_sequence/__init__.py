"""Sequence to sequence: one text from another: translation, pronunciation, inflection, commands to actions."""

METRICS = ("translation", "sequences", "calibration", "selective")  # as they are shown
HAS = ("rows", "costs")  # what options of several tasks ask for
HOLDS = "pairs of texts"  # what its files hold
LEARNS = "A sequence-to-sequence model"  # from them
HELD = "of the pairs, drawn"  # what the shares are that are held out
RECORDS = "pairs"
