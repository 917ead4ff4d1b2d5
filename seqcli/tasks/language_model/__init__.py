"""Language modelling: the next token of a stream of text."""
