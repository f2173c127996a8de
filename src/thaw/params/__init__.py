"""What params.yaml may say (schema) and how a stage reads it (read)."""
