"""Checks of the machine and the folder that the pipeline is to run in, one function a check."""
