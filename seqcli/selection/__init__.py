"""Choose what to label or check: uncertain records, texts that are unlike each other, doubtful labels."""
