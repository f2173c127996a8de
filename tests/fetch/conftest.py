"""A web server on this machine that serves files rightly, or goes wrong as a test has planned."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from thaw.fetch import RemoteFile

CONTENT = random.Random(1).randbytes(300_000)


class Handler(BaseHTTPRequestHandler):
    """Does what is planned for the path next, or else serves the file."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        status = self.server.head_status
        self.answer(status, {"Content-Length": str(len(self.content()))} if status == 200 else {})

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        plan = self.server.plans.get(self.path, [])
        (plan.pop(0) if plan else FileServer.serve)(self)

    def content(self) -> bytes:
        return self.server.contents[self.path]

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", "Connection": "close", **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def begin(self) -> bytes:
        """Send the head of the right answer; return the bytes that belong after it."""
        content, identity = self.content(), self.server.identity
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        current = self.headers.get("If-Range") in (None, identity.get("ETag"), identity.get("Last-Modified"))
        if "Range" not in self.headers or not current:
            first = 0
        if first >= len(content) and first:
            self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
            return b""
        headers = {**identity, "Content-Length": str(len(content) - first)}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.answer(206 if first else 200, headers)
        return content[first:]


Behaviour = Callable[[Handler], None]


class FileServer(ThreadingHTTPServer):
    """Serves ``contents`` by path; ``plans`` are what happens first, ``seen`` the GET requests that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents: dict[str, bytes] = {}
        self.identity = {"ETag": '"one"', "Last-Modified": "Mon, 02 Jan 2023 03:04:05 GMT"}
        self.plans: dict[str, list[Behaviour]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.head_status = 200
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def file(self, path: str = "/a.bin", content: bytes = CONTENT, size_bytes: int | None = len(CONTENT)) -> RemoteFile:
        """Put a file on the server."""
        self.contents[path] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return RemoteFile(self.url + path, path[1:], digest, size_bytes)

    def ranges(self) -> list[str | None]:
        """The Range headers of all GET requests, in their order."""
        return [headers.get("Range") for _, headers in self.seen]

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of these tests leave in the middle."""

    @staticmethod
    def serve(handler: Handler) -> None:
        handler.wfile.write(handler.begin())

    @staticmethod
    def end_after(size_bytes: int) -> Behaviour:
        """A body that is shorter than its Content-Length."""

        def short(handler: Handler) -> None:
            handler.wfile.write(handler.begin()[:size_bytes])

        return short

    @staticmethod
    def drop_after(size_bytes: int) -> Behaviour:
        """A connection that is reset."""

        def drop(handler: Handler) -> None:
            handler.wfile.write(handler.begin()[:size_bytes])
            handler.wfile.flush()
            handler.server.released.wait(0.05)  # a reset throws away what was not read yet
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

        return drop

    @staticmethod
    def hang_after(size_bytes: int, meanwhile: Callable[[], None]) -> Behaviour:
        """A server that falls silent, until the test ends."""

        def hang(handler: Handler) -> None:
            handler.wfile.write(handler.begin()[:size_bytes])
            handler.wfile.flush()
            meanwhile()
            handler.server.released.wait(10)

        return hang

    @staticmethod
    def drip(handler: Handler) -> None:
        """Send on, slowly."""
        content = handler.begin()
        for start in range(0, len(content), 32_768):
            handler.wfile.write(content[start : start + 32_768])
            handler.server.released.wait(0.01)

    @staticmethod
    def say(status: int, **headers: str) -> Behaviour:
        """An answer without a body; ``Retry_After`` is the header Retry-After."""
        return lambda handler: handler.answer(status, {name.replace("_", "-"): text for name, text in headers.items()})

    @staticmethod
    def send(content: bytes, status: int = 200, **headers: str) -> Behaviour:
        """Other bytes than the file's, whatever was asked for."""

        def other(handler: Handler) -> None:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            handler.answer(status, {"Content-Length": str(len(content)), **named})
            handler.wfile.write(content)

        return other

    @staticmethod
    def ignore_range(handler: Handler) -> None:
        FileServer.send(handler.content())(handler)

    @staticmethod
    def chunk(handler: Handler, *, until: int | None = None) -> None:
        """Send in chunks, with no length; ``until`` breaks off in the middle."""
        handler.answer(200, {"Content-Length": "", "Transfer-Encoding": "chunked"})
        for start in range(0, len(handler.content()), 1000):
            if until is not None and start >= until:
                return
            block = handler.content()[start : start + 1000]
            handler.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def end_without_length(size_bytes: int) -> Behaviour:
        """An answer whose end is the connection's end, as of HTTP/1.0."""

        def send_some(handler: Handler) -> None:
            handler.answer(200, {"Content-Length": "", **handler.server.identity})
            handler.wfile.write(handler.content()[:size_bytes])

        return send_some


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()
