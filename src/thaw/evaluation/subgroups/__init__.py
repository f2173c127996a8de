"""Patients by sex, age, view and follow-up: how well each group is served, and the largest gap between two."""
