"""What is worth a person's time: what a model is unsure of, texts unlike each other, labels it contradicts."""
