"""What ``python -m thaw`` can do beside the pipeline, one module a command."""

from __future__ import annotations

COMMANDS = {
    "strategies": "what each strategy of params.yaml would train, block by block, without training",
    "recipe": "the published set-ups: list them, or write one into params.yaml",
    "plan": "what the whole grid will take in time, disk and memory, before it starts",
    "check": "trained on shuffled labels, or split by image: can the figures be believed?",
    "predict": "what a trained model says of other X-rays",
    "export": "a trained model for other programs: ONNX, torch.export",
    "doctor": "is this machine ready for the pipeline, and what is to mend?",
}
WIDTH = max(map(len, COMMANDS)) + 2


def listed() -> str:
    """The commands, a line each."""
    return "\n".join(f"  {name:<{WIDTH}} {what}" for name, what in COMMANDS.items())
