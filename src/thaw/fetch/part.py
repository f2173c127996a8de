"""The part of a file that is here already, and what is remembered of the file it is a part of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from thaw.errors import UserError
from thaw.fetch.remote import RemoteFile
from thaw.files import read_json, write_json


@dataclass(frozen=True)
class Version:
    """What a server says of the file that it sends; parts of one version may be joined."""

    etag: str
    last_modified: str
    total_bytes: int | None

    @property
    def validator(self) -> str:
        """For If-Range, which allows no weak ETag (RFC 9110, section 13.1.5); empty where there is none."""
        return self.last_modified if self.etag.startswith("W/") or not self.etag else self.etag

    def contradicts(self, other: Version) -> bool:
        """Whether anything that both know differs."""
        pairs = zip(asdict(self).values(), asdict(other).values(), strict=True)
        return any(mine != others for mine, others in pairs if mine and others)


class Part:
    """A file ``.<name>.part``, with its version beside it in ``.<name>.part.json``; UserError where the disk fails."""

    def __init__(self, folder: Path, file: RemoteFile, moved: Callable[[int], None]) -> None:
        """Take up the part that lies in ``folder``, if any; ``moved`` hears of bytes that come (or go: negative)."""
        self.path = folder / f".{file.name}.part"
        self._memory = folder / f".{file.name}.part.json"
        self._origin = {"url": file.url, "digest": file.digest}
        self._moved = moved
        self.version = self._remembered()

    @property
    def size_bytes(self) -> int:
        """The bytes that are here, 0 where nothing is known of them."""
        return self.path.stat().st_size if self.version is not None and self.path.is_file() else 0

    def begin(self, version: Version) -> None:
        """Start an empty part of a version."""
        self.discard()
        with _disk(self._memory):
            self.path.touch()
            write_json(self._memory, {**self._origin, **asdict(version)})
        self.version = version

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """Give a function that appends bytes, each block on its way to the disk when it returns."""
        with _disk(self.path):
            file = self.path.open("ab", buffering=0)
        # outside of _disk: an error of the network, an OSError too, passes through here
        with file:

            def append(block: bytes) -> None:
                with _disk(self.path):
                    rest = memoryview(block)
                    while rest:
                        rest = rest[file.write(rest) :]
                self._moved(len(block))

            yield append

    def discard(self) -> None:
        """Throw the part away."""
        self._moved(-self.size_bytes)
        with _disk(self.path):
            self.path.unlink(missing_ok=True)
            self._memory.unlink(missing_ok=True)
        self.version = None

    def become(self, target: Path) -> None:
        """Give the complete file its final name."""
        with _disk(target):
            self.path.replace(target)
            self._memory.unlink(missing_ok=True)

    def _remembered(self) -> Version | None:
        try:
            memory = read_json(self._memory)
            if {key: memory.pop(key) for key in self._origin} == self._origin:
                return Version(**memory)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass  # absent, or damaged by a crash: the part is of no use without it
        return None


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{path}: cannot be written ({reason}); what was fetched so far stays for the next run"
        ) from error
