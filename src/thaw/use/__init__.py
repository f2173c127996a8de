"""A trained model on new images, with nothing but its own folder."""
