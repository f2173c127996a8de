"""Commands beside the pipeline, which dvc repro runs."""

from __future__ import annotations

import argparse
import importlib
import sys

from thaw.command import run
from thaw.commands import COMMANDS, listed
from thaw.errors import UserError, did_you_mean


def main() -> None:
    """Hand the arguments to the command that is named first; only its module is imported. Without one: an overview.

    Raises:
        UserError: there is no such command; offers the nearest name.
    """
    if not sys.argv[1:]:
        importlib.import_module("thaw.commands.overview").main()
        return
    more = "python -m thaw COMMAND --help says more; without a command it says what to do next."
    description = f"{__doc__}\n\n{listed()}\n\n{more}"
    parser = argparse.ArgumentParser(
        prog="python -m thaw", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="those of the command")
    given = parser.parse_args()
    if given.command not in COMMANDS:
        near = did_you_mean(given.command, COMMANDS)
        raise UserError(f"there is no command '{given.command}'{near}; use one of {', '.join(COMMANDS)}")
    importlib.import_module(f"thaw.commands.{given.command}").main(given.arguments)


if __name__ == "__main__":
    run(main)
