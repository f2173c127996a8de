"""GDCM in a process of its own: at some damaged pictures it ends the process that it runs in."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from thaw.images.unreadable import UnreadableError, one_line

DECODE_LIMIT_S = 120  # the largest pictures take some seconds
LENGTHS = struct.Struct("<QQ")  # of a message's JSON and of its content


class _Gdcm:
    """The running process, started at the first picture and after each that ended it; it ends with its parent."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started_by = 0

    def ask(self, question: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a question with a compressed frame; raise EOFError or OSError where the process has ended."""
        # a process inherited by a fork answers the parent
        if self._process is None or self._started_by != os.getpid():
            self._start()
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise EOFError
        timer = threading.Timer(DECODE_LIMIT_S, self._process.kill)
        timer.start()
        try:
            _send(self._process.stdin, question, frame)
            return _receive(self._process.stdout)
        finally:
            timer.cancel()

    def stop(self) -> None:
        """End the process and wait for it."""
        if self._process is not None and self._started_by == os.getpid():
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _start(self) -> None:
        command = [sys.executable, "-P", "-m", "thaw.images.gdcm_process"]
        # its codecs print what they find wrong; that is reported once, as the reason
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._started_by = os.getpid()


_gdcm = _Gdcm()
atexit.register(_gdcm.stop)


def decode_with_gdcm(syntax: UID, frame: bytes, options: dict[str, Any]) -> tuple[NDArray[Any], str]:
    """Decode one compressed frame.

    Args:
        syntax: The transfer syntax.
        frame: The frame, not encapsulated.
        options: What ``pydicom.pixels.Decoder.as_array`` has to know of the frame; whole numbers and texts.

    Returns:
        Stored values ``(rows, columns[, samples])``, and the photometric interpretation that they have now.

    Raises:
        UnreadableError: The frame is damaged.
    """
    question = {"syntax": str(syntax), "options": options}
    try:
        answer, content = _ask_again(question, frame)
    except (EOFError, OSError) as error:
        raise UnreadableError("damaged DICOM: the codec crashed or did not come to an end") from error
    if "error" in answer:
        raise UnreadableError(f"damaged or truncated DICOM: {answer['error']}")
    stored = np.frombuffer(content, np.dtype(answer["dtype"])).reshape(answer["shape"])
    return stored, str(answer["photometric"])


def _ask_again(question: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    # once more in a new process: the one before may have ended over what an earlier picture did to its memory
    with contextlib.suppress(EOFError, OSError):
        return _gdcm.ask(question, frame)
    _gdcm.stop()
    try:
        return _gdcm.ask(question, frame)
    except (EOFError, OSError):
        _gdcm.stop()
        raise


def _answer(question: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        decoder = get_decoder(question["syntax"])
        stored, properties = decoder.as_array(
            encapsulate([frame]), index=0, decoding_plugin="gdcm", **question["options"]
        )
    except Exception as error:  # whatever damaged bytes make of it
        return {"error": one_line(error)}, b""
    photometric = str(properties["photometric_interpretation"])
    return {"dtype": stored.dtype.str, "shape": stored.shape, "photometric": photometric}, stored.tobytes()


def _send(stream: IO[bytes], message: dict[str, Any], content: bytes) -> None:
    text = json.dumps(message).encode()
    stream.write(LENGTHS.pack(len(text), len(content)) + text)
    stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    text, content = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    return json.loads(_exactly(stream, text)), _exactly(stream, content)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content: bytes = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _serve() -> None:
    """Answer on the standard streams until the other side closes them."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # codecs may print
    while True:
        try:
            question, frame = _receive(sys.stdin.buffer)
        except EOFError:
            return
        _send(answers, *_answer(question, frame))


if __name__ == "__main__":
    _serve()
