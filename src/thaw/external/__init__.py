"""Another set of X-rays on which trained models are tested as they are, and how far its figures can be believed."""
