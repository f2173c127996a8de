"""Files fetched into a folder, several at a time; what lies under a file's name has its digest."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from thaw.errors import UserError
from thaw.fetch.digest import digest_like
from thaw.fetch.http import RefusedError, open_session, receive, size_by_head
from thaw.fetch.part import Part
from thaw.fetch.remote import RemoteFile, check_distinct
from thaw.fetch.retry import ATTEMPTS, SAID_FROM_S, RetryError, pause_s
from thaw.fetch.workers import check, run_all
from thaw.progress import ByteBar

ADVICE = "fetch it elsewhere and give its path as dataset.path"
RESERVE_BYTES = 500_000_000  # what a disk should keep free

Sleep = Callable[[float], object]


def fetch_all(
    files: Sequence[RemoteFile], folder: Path, *, advice: str = ADVICE, sleep: Sleep | None = None
) -> list[Path]:
    """Fetch files into ``folder`` and return their paths there, in the order of ``files``.

    A file that lies there already is checked, and fetched only if it is another. What an earlier run fetched of a file
    (``.<name>.part``) is taken up.

    Args:
        files: The files, each under a name of its own.
        folder: Made where it is missing.
        advice: How a user goes on without a file that cannot be had; ends the message.
        sleep: Waits for so many seconds before another attempt; None waits until then or until Ctrl-C.

    Raises:
        UserError: A file cannot be had, or is not the one of the digest, or the disk is full. Complete files and parts
            stay for the next run.
    """
    check_distinct(files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = _sized(_missing(files, folder))
        if wanted:
            _check_space(wanted, folder)
            stop = threading.Event()
            with _open_bar(wanted, folder) as bar:
                fetching = Fetching(folder, bar, stop, sleep or stop.wait, advice)
                run_all([partial(fetching.fetch, file) for file in wanted], stop)
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror or error}") from error
    return [folder / file.name for file in files]


@dataclass(frozen=True)
class Fetching:
    """What all downloads of one call share."""

    folder: Path
    bar: ByteBar
    stop: threading.Event
    sleep: Sleep
    advice: str

    def fetch(self, file: RemoteFile) -> None:
        """Fetch one file; where it arrives with a wrong digest, once more from its first byte."""
        part = Part(self.folder, file, self.bar.move)
        digest = self._fetched_digest(file, part)
        if digest != file.digest:
            self.bar.say(f"note: {file.name} arrived with digest {digest}; it is fetched once more")
            part.discard()
            digest = self._fetched_digest(file, part)
        if digest != file.digest:
            part.discard()
            raise UserError(
                f"{file.url}: what comes has digest {digest}, not {file.digest}: another file, or one that is damaged "
                f"on the way; {self.advice}"
            )
        part.become(self.folder / file.name)

    def _fetched_digest(self, file: RemoteFile, part: Part) -> str:
        if not 0 < part.size_bytes == file.size_bytes:
            self._complete(file, part)
        return digest_like(file.digest, part.path, lambda _: check(self.stop))

    def _complete(self, file: RemoteFile, part: Part) -> None:
        in_vain, furthest_bytes = 0, part.size_bytes
        with open_session() as session:
            while True:
                check(self.stop)
                try:
                    receive(file, part, session, self.stop)
                    return
                except RefusedError as error:
                    raise UserError(f"{file.url}: {error}; {self.advice}") from error
                except RetryError as error:
                    # only new bytes count: a server that starts over each time would be asked for ever
                    in_vain = 0 if part.size_bytes > furthest_bytes else in_vain + 1
                    furthest_bytes = max(furthest_bytes, part.size_bytes)
                    if in_vain == ATTEMPTS:
                        raise UserError(self._given_up(file, part, error)) from error
                    self._pause(file, pause_s(in_vain, error.asked_s), error)

    def _given_up(self, file: RemoteFile, part: Part, error: RetryError) -> str:
        kept = f"the {part.size_bytes:,} bytes that came are kept and the next run goes on from there"
        kept = f"; {kept}" if part.size_bytes else ""
        return (
            f"{file.url}: {ATTEMPTS} attempts in vain, the last one: {error}{kept}; run again later, or {self.advice}"
        )

    def _pause(self, file: RemoteFile, seconds: float, error: RetryError) -> None:
        if seconds >= SAID_FROM_S:
            self.bar.say(f"note: {urlsplit(file.url).netloc}: {error}; {file.name} goes on in {seconds:.0f} s")
        self.sleep(seconds)


def _missing(files: Sequence[RemoteFile], folder: Path) -> list[RemoteFile]:
    """Return the files that are not there with their digest; a wrong one is removed, so that nobody takes it."""
    there = [file for file in files if (folder / file.name).exists()]
    if not there:
        return list(files)
    stop, right = threading.Event(), set()

    def verify(file: RemoteFile) -> None:
        def read(size_bytes: int) -> None:
            check(stop)
            bar.move(size_bytes)

        path = folder / file.name
        if digest_like(file.digest, path, read) == file.digest:
            right.add(file)
        else:
            bar.say(f"note: {path} is not the file of digest {file.digest}; it is replaced")
            path.unlink()

    with ByteBar("checking", sum((folder / file.name).stat().st_size for file in there)) as bar:
        run_all([partial(verify, file) for file in there], stop)
    return [file for file in files if file not in right]


def _sized(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Ask the servers for the sizes that are not known."""
    with open_session() as session:
        return [
            file if file.size_bytes is not None else replace(file, size_bytes=size_by_head(file, session))
            for file in files
        ]


def _check_space(files: Sequence[RemoteFile], folder: Path) -> None:
    missing_bytes = sum(max((file.size_bytes or 0) - _kept_bytes(file, folder), 0) for file in files)
    free_bytes = shutil.disk_usage(folder).free
    if missing_bytes + RESERVE_BYTES > free_bytes:
        raise UserError(
            f"{folder.absolute()}: {missing_bytes / 1e9:.2f} GB are still to be fetched and "
            f"{RESERVE_BYTES / 1e9:.1f} GB must stay free, but only {free_bytes / 1e9:.2f} GB are free; make room there"
        )


def _open_bar(wanted: Sequence[RemoteFile], folder: Path) -> ByteBar:
    sizes = [file.size_bytes for file in wanted if file.size_bytes is not None]
    total_bytes = sum(sizes) if len(sizes) == len(wanted) else None
    return ByteBar("fetching", total_bytes, sum(_kept_bytes(file, folder) for file in wanted))


def _kept_bytes(file: RemoteFile, folder: Path) -> int:
    return Part(folder, file, lambda _: None).size_bytes
