"""Comparing strategies on the same test patients: differences, what they may be said to show, and a verdict."""
