"""What the documentation says, tried: links, commands, examples, pictures, generated tables."""
