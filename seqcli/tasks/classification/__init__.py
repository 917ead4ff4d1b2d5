"""Classification: a label, or several, for a whole text."""

METRICS = ("classification", "calibration")  # as they are shown, where a text has one label
MULTI_LABEL = ("multi-label", "calibration")  # and where it has any number
