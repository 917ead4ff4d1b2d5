"""Classification: a label, or several, for a whole text."""
