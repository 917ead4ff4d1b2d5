"""Data sets: readers, splits, the token cache, and the catalog of named data sets."""
