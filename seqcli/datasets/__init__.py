"""Data sets: readers, splits, the token cache, and the catalog of data sets that have a name."""
