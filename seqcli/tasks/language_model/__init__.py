"""Language modelling: the next token of a stream of text."""

METRICS = ("perplexity", "forecast")  # as they are shown
HAS = ("text", "field", "rows", "costs")  # what options of several tasks ask for
HOLDS = "plain text"  # what its files hold
LEARNS = "A language model"  # from them
HELD = "of the text, its end"  # what the shares are that are held out
RECORDS = "texts"
