"""What is worth a person's labels: how unsure a model is, texts that are unlike each other, labels that it contradicts."""
