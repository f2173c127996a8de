"""Connections that break: what came is kept, what follows fits, and the bytes are the file's in the end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thaw.errors import UserError
from thaw.fetch import fetch_all
from thaw.progress import ByteBar

if TYPE_CHECKING:
    from tests.fetch.conftest import FileServer
    from thaw.fetch import RemoteFile


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that the bar was moved by."""
    moves: list[int] = []
    monkeypatch.setattr(ByteBar, "move", lambda _, size_bytes: moves.append(size_bytes))
    return moves


def fetched(file: RemoteFile, folder: Path) -> bytes:
    (path,) = fetch_all([file], folder, sleep=lambda _: None)
    assert [path.name for path in folder.iterdir()] == [file.name]
    return path.read_bytes()


def broken(server: FileServer, folder: Path, size_bytes: int = 100_000) -> RemoteFile:
    """Leave a part as an earlier run would."""
    file = server.file()
    server.plans["/a.bin"] = [server.end_after(size_bytes), server.say(404)]
    with pytest.raises(UserError, match="404"):
        fetch_all([file], folder, sleep=lambda _: None)
    assert (folder / ".a.bin.part").read_bytes() == server.contents["/a.bin"][:size_bytes]
    server.seen.clear()
    return file


@pytest.mark.parametrize("ending", ["end_after", "drop_after"])
def test_a_break_goes_on_where_it_broke(server: FileServer, tmp_path: Path, ending: str) -> None:
    file = server.file()
    server.plans["/a.bin"] = [getattr(server, ending)(131_072)]
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None, "bytes=131072-"]
    assert server.seen[1][1]["If-Range"] == '"one"'


@pytest.mark.parametrize("block_bytes", [7_001, 50_000, 65_536, 149_999, 299_999])
def test_breaks_after_every_block_change_no_byte(server: FileServer, tmp_path: Path, block_bytes: int) -> None:
    file = server.file()
    breaks = (300_000 - 1) // block_bytes
    server.plans["/a.bin"] = [server.end_after(block_bytes)] * breaks
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None, *(f"bytes={number * block_bytes}-" for number in range(1, breaks + 1))]


def test_the_next_run_goes_on(server: FileServer, tmp_path: Path) -> None:
    file = broken(server, tmp_path)
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-"]


@pytest.mark.parametrize(
    ("identity", "if_range"),
    [
        ({"ETag": 'W/"weak"', "Last-Modified": "Mon, 02 Jan 2023 03:04:05 GMT"}, "Mon, 02 Jan 2023 03:04:05 GMT"),
        ({"ETag": 'W/"weak"'}, None),
        ({}, None),
    ],
)
def test_if_range_is_what_the_server_gave(
    server: FileServer, tmp_path: Path, identity: dict[str, str], if_range: str | None
) -> None:
    server.identity = identity
    file = broken(server, tmp_path)
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-"]
    assert server.seen[0][1].get("If-Range") == if_range


def test_a_server_that_ignores_the_range_starts_over(server: FileServer, tmp_path: Path, counted: list[int]) -> None:
    file = broken(server, tmp_path)
    assert sum(counted) == 100_000
    server.plans["/a.bin"] = [server.ignore_range]
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-"]
    assert sum(counted) == 300_000


def test_a_file_changed_meanwhile_starts_over(server: FileServer, tmp_path: Path) -> None:
    broken(server, tmp_path)
    server.identity = {"ETag": '"two"'}
    old = server.contents["/a.bin"]
    digest = server.file(content=old[::-1]).digest
    # the folder's part was asked for under this very digest
    memory = tmp_path / ".a.bin.part.json"
    memory.write_text(json.dumps({**json.loads(memory.read_text()), "digest": digest}))
    assert fetched(server.file(content=old[::-1]), tmp_path) == old[::-1]
    assert server.ranges() == ["bytes=100000-"]  # If-Range made the server send the whole file


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"two"', "Content_Range": "bytes 100000-299999/300000"},
        {"ETag": '"one"', "Content_Range": "bytes 100000-299999/300001"},
        {"Last_Modified": "Tue, 03 Jan 2023 03:04:05 GMT", "Content_Range": "bytes 100000-299999/300000"},
        {"ETag": '"one"', "Content_Range": "bytes 99999-299999/300000"},
        {"ETag": '"one"', "Content_Range": "nonsense"},
        {"ETag": '"one"'},
    ],
)
def test_a_range_that_does_not_fit_is_not_joined(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    file = broken(server, tmp_path)
    server.plans["/a.bin"] = [server.send(b"x" * 200_000, 206, **headers)]
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-", None]
    assert capsys.readouterr().err == ""  # seen before the digest had to tell


def test_a_part_of_another_digest_or_address_is_not_taken_up(server: FileServer, tmp_path: Path) -> None:
    file = broken(server, tmp_path)
    server.contents["/b.bin"] = server.contents["/a.bin"]
    assert fetched(dataclasses.replace(file, url=f"{server.url}/b.bin"), tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None]


@pytest.mark.parametrize("memory", [None, "", "[]", "{}", '{"url": 1}'])
def test_a_part_of_which_nothing_is_known_is_not_taken_up(
    server: FileServer, tmp_path: Path, memory: str | None
) -> None:
    file = broken(server, tmp_path)
    (tmp_path / ".a.bin.part.json").unlink()
    if memory is not None:
        (tmp_path / ".a.bin.part.json").write_text(memory)
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None]


@pytest.mark.parametrize("size_bytes", [None, 300_000, 300_001])
def test_a_complete_part_is_complete(server: FileServer, tmp_path: Path, size_bytes: int | None) -> None:
    server.head_status = 405
    file = dataclasses.replace(broken(server, tmp_path), size_bytes=size_bytes)
    (tmp_path / ".a.bin.part").write_bytes(server.contents["/a.bin"])
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    # only the right size is known without asking; else the server answers 416 with the size
    assert server.ranges() == ([] if size_bytes == 300_000 else ["bytes=300000-"])


def test_a_part_that_is_too_long_starts_over(server: FileServer, tmp_path: Path) -> None:
    file = broken(server, tmp_path)
    (tmp_path / ".a.bin.part").write_bytes(server.contents["/a.bin"] + b"more")
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=300004-", None]


def test_a_416_without_a_size_is_no_end(server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = broken(server, tmp_path)
    server.plans["/a.bin"] = [server.say(416)]
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-", None]
    assert capsys.readouterr().err == ""


def test_a_damaged_part_is_found_at_the_end(server: FileServer, tmp_path: Path) -> None:
    file = broken(server, tmp_path)
    (tmp_path / ".a.bin.part").write_bytes(b"x" * 100_000)
    assert fetched(file, tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == ["bytes=100000-", None]


def test_chunks_without_a_length_arrive(server: FileServer, tmp_path: Path) -> None:
    server.head_status = 405
    server.plans["/a.bin"] = [server.chunk]
    assert fetched(server.file(size_bytes=None), tmp_path) == server.contents["/a.bin"]
    assert len(server.seen) == 1


def test_chunks_that_break_off_are_noticed(server: FileServer, tmp_path: Path) -> None:
    server.plans["/a.bin"] = [lambda handler: server.chunk(handler, until=50_000)]
    assert fetched(server.file(), tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None, "bytes=50000-"]


def test_an_answer_that_ends_with_its_connection_is_measured(server: FileServer, tmp_path: Path) -> None:
    server.plans["/a.bin"] = [server.end_without_length(70_000)]
    assert fetched(server.file(), tmp_path) == server.contents["/a.bin"]
    assert server.ranges() == [None, "bytes=70000-"]
