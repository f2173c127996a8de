"""A file elsewhere: where it lies, what it is called here, and the digest that it must have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from thaw.errors import UserError

DIGEST = re.compile(r"sha256:[0-9a-f]{8,64}|md5:[0-9a-f]{32}")
LONGEST_NAME_BYTES = 200  # file systems allow 255, and the name of the part is longer


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        url: An http or https address.
        name: A plain file name, the file's name in the folder.
        digest: ``sha256:`` with all or the first 8 or more hexadecimal digits, or ``md5:`` with all 32.
        size_bytes: Its size where it is known; a hint for the disk check and the bar, the digest decides.

    Raises:
        UserError: One of them is not of this form.
    """

    url: str
    name: str
    digest: str
    size_bytes: int | None

    def __post_init__(self) -> None:
        if not self.url.lower().startswith(("http://", "https://")):
            raise UserError(f"{self.url}: not a web address; allowed: http:// and https://")
        if not _is_plain(self.name):
            raise UserError(f"{self.url}: '{self.name}' is not a plain file name (no / or \\, no dot in front)")
        if not DIGEST.fullmatch(self.digest):
            forms = "sha256: with 8 to 64 hexadecimal digits, or md5: with 32"
            raise UserError(f"{self.url}: '{self.digest}' is not a digest; allowed: {forms}, in small letters")


def check_distinct(files: Sequence[RemoteFile]) -> None:
    """Raise UserError where two files would get one name, also where a file system ignores case."""
    names: dict[str, RemoteFile] = {}
    for file in files:
        other = names.setdefault(file.name.casefold(), file)
        if other is not file:
            raise UserError(f"{other.url} and {file.url} would both become {file.name}; fetch one of them")


def _is_plain(name: str) -> bool:
    if not name or name.startswith(".") or not name.isprintable() or len(name.encode()) > LONGEST_NAME_BYTES:
        return False
    return not set(name) & set('/\\:*?"<>|')  # the last ones are not allowed on Windows
