"""probe: in which precision one backbone is trained.

Reads     the parameters preprocess.size, train.precision, train.channels_last and train.device; this machine.
Writes    models/probe/<model>.json (precision, and the reason in a sentence).
Promises  torch is asked only where train.precision is auto, and a CPU's speed is then measured, not assumed; what was
          measured is printed, not written, so that a second run gives the same bytes unless the choice itself differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thaw.command import arguments, run
from thaw.files import write_json
from thaw.params.read import read_params

PROBED = Path("models/probe")


def decide(model: str, size_px: int, train: Mapping[str, Any]) -> dict[str, str]:
    """The precision of ``model`` and the reason.

    Args:
        model: the backbone.
        size_px: side of its pictures.
        train: the keys precision, channels_last and device of train.

    Raises:
        UserError: the device is not there, or the backbone cannot take this size.
    """
    if train["precision"] != "auto":
        return {"precision": train["precision"], "reason": "train.precision names it."}
    # imported here: torch takes a second or more
    from thaw.training.device import choose_device, keep_freed_memory, make_deterministic
    from thaw.training.probe import find_precision

    # as the stage train does it
    make_deterministic()
    keep_freed_memory()
    device = choose_device(train["device"])
    precision, reason = find_precision(model, size_px, train["channels_last"] is not False, device)
    return {"precision": precision, "reason": reason}


def main() -> None:
    """Choose the precision of the model named on the command line."""
    model = arguments(__doc__, "model").model
    params: Any = read_params("preprocess.size", "train.precision", "train.channels_last", "train.device")
    write_json(PROBED / f"{model}.json", decide(model, params.preprocess["size"], params.train))


if __name__ == "__main__":
    run(main)
