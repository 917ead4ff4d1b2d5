"""Export models for other programs, and smaller ones for seqcli itself."""
