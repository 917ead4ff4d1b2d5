"""Classification: a label, or several, for a whole text."""

METRICS = ("classification", "calibration", "selective")  # as they are shown, where a text has one label
MULTI_LABEL = ("multi-label", "calibration")  # and where it has any number
HAS = ("labels", "text", "field", "rows")  # what options of several tasks ask for
HOLDS = "texts with labels"  # what its files hold
LEARNS = "A classifier"  # from them
HELD = "of each label's texts, drawn"  # what the shares are that are held out
RECORDS = "texts"
