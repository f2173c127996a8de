"""A trained model for others: what it is (card, citation), and its network in forms that do not need thaw."""
