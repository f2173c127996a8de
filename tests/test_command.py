from __future__ import annotations

import pytest

from thaw.command import run
from thaw.errors import UserError


def test_a_user_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("first\nsecond")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "thaw: first second\n"


def test_an_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "thaw: interrupted\n"


def test_a_defect_keeps_its_traceback() -> None:
    def main() -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError):
        run(main)


def test_success_is_exit_code_0() -> None:
    with pytest.raises(SystemExit) as caught:
        run(lambda: None)
    assert caught.value.code == 0
