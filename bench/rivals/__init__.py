"""Training scripts of others, on the same images and with the same arguments as thaw's pipeline."""
