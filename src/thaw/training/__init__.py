"""Training one cell: batches, augmentation, losses, the engine."""
