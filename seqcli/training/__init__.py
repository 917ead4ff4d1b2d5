"""Training: from a recipe to a run folder. The only part of seqcli that imports torch."""
