"""Tagging: a label for every word, or every character, of a sentence."""

METRICS = ("accuracy", "spans", "divisions", "calibration", "selective", "cross-entropy")  # as they are shown
HAS = ("labels", "field")  # what options of several tasks ask for
HOLDS = "words with tags"  # what its files hold
LEARNS = "A tagger"  # from them
HELD = "of the sentences, the last ones"  # what the shares are that are held out
RECORDS = "sentences"
