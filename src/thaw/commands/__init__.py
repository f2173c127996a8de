"""What ``python -m thaw`` can do beside the pipeline, one module a command."""
