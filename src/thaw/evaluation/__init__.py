"""Measuring predictions: AUROC and the metrics at a threshold."""
