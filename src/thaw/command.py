"""How a command of thaw begins and ends: its arguments, and exit code 0, 2 (one line) or 130."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from thaw.errors import UserError

# a full, read-only or forbidden disk is the user's to mend
MACHINE = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT)


def arguments(description: str | None, *names: str, options: Sequence[str] = ()) -> argparse.Namespace:
    """Read positional arguments, each of ``names`` once, and ``options``: whole numbers from 1, None if left out.

    ``--help`` prints the description, a stage's docstring.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name in names:
        parser.add_argument(name)
    for option in options:
        parser.add_argument(f"--{option}", type=_count)
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def run(main: Callable[[], None]) -> NoReturn:
    """Run ``main`` and leave the process: exit code 0, 2 (user error, one line) or 130 (interrupted)."""
    try:
        main()
    except UserError as error:
        print(f"thaw: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        print(f"thaw: {error.filename or 'writing'}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("thaw: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
