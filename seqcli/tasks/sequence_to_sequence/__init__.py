"""Sequence to sequence: one text from another: translation, pronunciation, inflection, commands to actions."""

METRICS = ("translation", "sequences")  # as they are shown
