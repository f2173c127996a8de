"""One request for what a part lacks: asked for so that parts of different files are never joined."""

from __future__ import annotations

import re
import threading
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from thaw.fetch.part import Part, Version
from thaw.fetch.remote import RemoteFile
from thaw.fetch.retry import RetryError, asked_pause_s
from thaw.fetch.workers import check

TIMEOUT_S = (15, 60)  # to connect; between two blocks
BLOCK_BYTES = 64 * 1024  # what a break may lose
MEANING = {
    401: "it wants a login, which thaw does not give",
    403: "the server refuses it, perhaps to your network or until its terms are accepted in a browser",
    404: "there is no such file, perhaps not any more",
    410: "the file was taken away for good",
}
PASSING = (408, 425, 429)
# errors that the next attempt would meet as well
LASTING = (
    requests.TooManyRedirects,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class RefusedError(Exception):
    """The server will not give this file; the message is the reason."""


class _Session(requests.Session):
    """Follows redirects, but never from https to http, where anybody on the way could read and change what comes."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and resp.url.lower().startswith("https:"):
            whole = urljoin(resp.url, target)
            if whole.lower().startswith("http:"):
                raise RefusedError(f"the server leads from https to {whole}, which is not protected")
        return target


def open_session() -> requests.Session:
    """Return a session that names thaw and wants bytes as they lie on the server."""
    session = _Session()
    # a compressed answer would have other lengths and ranges than the file
    session.headers.update({"User-Agent": "thaw", "Accept-Encoding": "identity"})
    return session


def size_by_head(file: RemoteFile, session: requests.Session) -> int | None:
    """Ask for a file's size in bytes; None where the server does not say."""
    try:
        response = session.head(file.url, allow_redirects=True, timeout=TIMEOUT_S)
    except (requests.RequestException, RefusedError):
        return None  # the request for the file itself will tell the reason
    return _length(response) if response.ok else None


def receive(file: RemoteFile, part: Part, session: requests.Session, stop: threading.Event) -> None:
    """Ask once for what ``part`` lacks and append what comes; when this returns, the part is all that there is.

    Raises:
        RetryError: Another attempt may go on from here.
        RefusedError: Another attempt would end the same.
        UserError: The disk fails.
        StoppedError: ``stop`` was set.
    """
    try:
        with session.get(file.url, headers=_range_wanted(part), stream=True, timeout=TIMEOUT_S) as response:
            if _sends_bytes(response, file, part):
                _append(response, file, part, stop)
    except LASTING as error:
        raise RefusedError(str(error)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
        raise RetryError(_reason(error)) from error


def _range_wanted(part: Part) -> dict[str, str]:
    if part.version is None or part.size_bytes == 0:
        return {}
    wanted = {"Range": f"bytes={part.size_bytes}-"}
    return wanted | ({"If-Range": part.version.validator} if part.version.validator else {})


def _sends_bytes(response: requests.Response, file: RemoteFile, part: Part) -> bool:
    """Prepare ``part`` for the answer's bytes; False where none are needed any more."""
    status, asked_range = response.status_code, "Range" in response.request.headers
    if status == 200:
        part.begin(_version(response, _length(response)))
    elif status == 206 and asked_range:
        _check_continues(response, part)
    elif status == 416 and asked_range:
        _, total_bytes = _content_range(response)
        if part.size_bytes != (file.size_bytes if total_bytes is None else total_bytes):
            part.discard()
            raise RetryError("the server has no bytes after those that came before")
        return False
    elif status in PASSING or status >= 500:
        reason = f"HTTP {status} {response.reason}".strip()
        raise RetryError(reason, asked_pause_s(response.headers.get("Retry-After")))
    else:
        raise RefusedError(f"HTTP {status}: {MEANING.get(status, response.reason)}")
    return True


def _check_continues(response: requests.Response, part: Part) -> None:
    """Raise RetryError, from zero, where a 206 does not go on where ``part`` ends, or is of another version."""
    start, total_bytes = _content_range(response)
    if start != part.size_bytes:
        part.discard()
        raise RetryError("the server sent another range than the one asked for")
    if part.version is not None and part.version.contradicts(_version(response, total_bytes)):
        part.discard()
        raise RetryError("the file on the server changed meanwhile")


def _append(response: requests.Response, file: RemoteFile, part: Part, stop: threading.Event) -> None:
    raw: Any = response.raw
    total_bytes = part.version.total_bytes if part.version else None
    if total_bytes is None and not raw.chunked:
        total_bytes = file.size_bytes  # an answer without a length ends like one that broke
    with part.appending() as append:
        # not iter_content: that would unpack a .gz which a server calls gzip-encoded
        for block in raw.stream(BLOCK_BYTES, decode_content=False):
            check(stop)
            append(block)
    if total_bytes is not None and part.size_bytes < total_bytes:
        raise RetryError(f"the answer ended after {part.size_bytes:,} of {total_bytes:,} bytes")


def _version(response: requests.Response, total_bytes: int | None) -> Version:
    headers = response.headers
    return Version(headers.get("ETag", ""), headers.get("Last-Modified", ""), total_bytes)


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte's position and the whole length, each None where the header does not say."""
    text = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes\s+(?:(\d+)-\d+|\*)/(?:(\d+)|\*)", text)
    start, total_bytes = match.groups() if match else (None, None)
    return (int(start) if start else None), (int(total_bytes) if total_bytes else None)


def _reason(error: BaseException) -> str:
    """The innermost cause: the layers around it repeat the address and themselves."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
