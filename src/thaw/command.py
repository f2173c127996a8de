"""How a command of thaw begins and ends: its arguments, and exit code 0, 2 (one line) or 130."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable
from typing import NoReturn

from thaw.errors import UserError

# a full, read-only or forbidden disk is the user's to mend
MACHINE = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT)


def arguments(description: str | None, *names: str, many: str | None = None) -> argparse.Namespace:
    """Read positional arguments, each of ``names`` once and ``many`` once or more often.

    ``--help`` prints the description, a stage's docstring.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name in names:
        parser.add_argument(name)
    if many is not None:
        parser.add_argument(many, nargs="+")
    return parser.parse_args()


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
