"""Language modelling: the next token of a stream of text."""

METRICS = ("perplexity", "forecast")  # in the order shown
HAS = ("text", "field", "rows", "costs")  # features that options of several tasks require
HOLDS = "plain text"  # what its files hold
LEARNS = "A language model"  # what learns from such files
HELD = "of the text, its end"  # what a held-out share is taken from
RECORDS = "texts"
