"""Classification: a label, or several, for a whole text."""

METRICS = ("classification", "calibration", "selective")  # in the order shown, if a text has one label
MULTI_LABEL = ("multi-label", "calibration")  # the same if a text may have several
HAS = ("labels", "text", "field", "rows")  # features that options of several tasks require
HOLDS = "texts with labels"  # what its files hold
LEARNS = "A classifier"  # what learns from such files
HELD = "of each label's texts, drawn at random"  # what a held-out share is taken from
RECORDS = "texts"
