"""Models for other programs, and smaller ones for seqcli's own verbs."""
