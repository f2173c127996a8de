"""A look at the data before training: what earlier stages left is counted, judged in words, and shown on one page."""
