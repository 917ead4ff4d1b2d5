"""Tagging: a label for every word, or every character, of a sentence."""

METRICS = ("accuracy", "spans", "divisions", "calibration", "selective", "cross-entropy")  # in the order shown
HAS = ("labels", "field")  # features that options of several tasks require
HOLDS = "words with tags"  # what its files hold
LEARNS = "A tagger"  # what learns from such files
HELD = "of the sentences, the last ones"  # what a held-out share is taken from
RECORDS = "sentences"
