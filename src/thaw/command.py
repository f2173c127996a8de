"""How a command of thaw ends: 0, or 2 with one line for an error the user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from thaw.errors import UserError


def run(main: Callable[[], None]) -> NoReturn:
    """Run ``main`` and leave the process: exit code 0, 2 (user error, one line) or 130 (interrupted)."""
    try:
        main()
    except UserError as error:
        print(f"thaw: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("thaw: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
