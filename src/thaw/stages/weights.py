"""weights: fetch one backbone's pretrained weights.

Reads     the parameters weights; torchvision's download, an installed package, or the user's file.
Writes    models/pretrained/<model>.safetensors.
Promises  every tensor of the backbone is there in its right shape; nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path

from thaw.backbones.pretrained import fetch
from thaw.backbones.stored import save_pretrained
from thaw.command import arguments, run
from thaw.errors import UserError, did_you_mean
from thaw.params.read import read_params

PRETRAINED = Path("models/pretrained")


def main() -> None:
    """Fetch the weights of the model named on the command line."""
    model = arguments(__doc__, "model").model
    # the whole section: DVC takes the point in timm/vit_tiny_patch16_224.augreg_in21k for a key inside a key
    weights = read_params("weights").weights
    if model not in weights:
        known = f"{', '.join(weights)}{did_you_mean(model, weights)}"
        raise UserError(f"params.yaml: weights.{model} is missing; use one of {known}")
    source = weights[model]
    save_pretrained(PRETRAINED / f"{model}.safetensors", fetch(model, source), source)


if __name__ == "__main__":
    run(main)
