"""Where networks look, what they confuse, and what thawing changed in them."""
