"""Language modelling: the next token of a stream of text."""

METRICS = ("perplexity",)  # as they are shown
