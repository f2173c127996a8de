"""Commands beside the pipeline, which dvc repro runs.

  strategies   what each strategy of params.yaml would train, block by block, without training
  recipe       the published set-ups: list them, or write one into params.yaml
  plan         what the whole grid will take in time, disk and memory, before it starts
  check        trained on shuffled labels, or split by image: can the figures be believed?

python -m thaw COMMAND --help says more.
"""

from __future__ import annotations

import argparse
import importlib

from thaw.command import run

COMMANDS = ("strategies", "recipe", "plan", "check")


def main() -> None:
    """Hand the arguments to the command that is named first; only its module is imported."""
    parser = argparse.ArgumentParser(
        prog="python -m thaw", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="those of the command")
    given = parser.parse_args()
    importlib.import_module(f"thaw.commands.{given.command}").main(given.arguments)


if __name__ == "__main__":
    run(main)
