"""The pipeline, one script a stage: read parameters, call the library, write outputs. dvc.yaml wires them."""
