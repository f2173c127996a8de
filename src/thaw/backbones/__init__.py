"""Pretrained networks as ordered, named blocks with a head of their own."""
