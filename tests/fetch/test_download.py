"""What lies in the folder after a download, and what is asked for at all."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from thaw.errors import UserError
from thaw.fetch import RemoteFile, fetch_all

if TYPE_CHECKING:
    from tests.fetch.conftest import FileServer

SHA256 = f"sha256:{'0' * 64}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_many_files_arrive_in_the_order_asked_for(server: FileServer, tmp_path: Path) -> None:
    contents = {f"/{number}.bin": bytes([number]) * (1000 * number) for number in range(10)}
    files = [server.file(path, content, len(content)) for path, content in contents.items()]
    paths = fetch_all(files, tmp_path / "new/folder")
    assert paths == [tmp_path / "new/folder" / file.name for file in files]
    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert names(tmp_path / "new/folder") == sorted(file.name for file in files)


def test_the_request_is_plain(server: FileServer, tmp_path: Path) -> None:
    fetch_all([server.file()], tmp_path)
    ((_, headers),) = server.seen
    assert headers["User-Agent"] == "thaw"
    assert headers["Accept-Encoding"] == "identity"
    assert not headers.keys() & {"Range", "If-Range"}


def test_a_file_that_is_there_is_not_asked_for_again(server: FileServer, tmp_path: Path) -> None:
    fetch_all([server.file()], tmp_path)
    fetch_all([server.file()], tmp_path)
    assert len(server.seen) == 1


def test_a_wrong_file_is_replaced_and_told(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    (path,) = fetch_all([server.file()], tmp_path)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert "a.bin is not the file of digest sha256:" in capsys.readouterr().err


def test_a_wrong_file_does_not_stay_where_the_right_one_cannot_be_had(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    file = server.file()
    server.plans["/a.bin"] = [server.say(404)]
    with pytest.raises(UserError, match="404"):
        fetch_all([file], tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_digests_are_of_two_kinds(server: FileServer, tmp_path: Path, algorithm: str) -> None:
    file = server.file()
    digits = hashlib.new(algorithm, server.contents["/a.bin"]).hexdigest()
    fetch_all([dataclasses.replace(file, digest=f"{algorithm}:{digits}")], tmp_path)
    assert names(tmp_path) == ["a.bin"]


def test_a_digest_may_be_the_start_of_one(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    short = file.digest[: len("sha256:") + 8]
    fetch_all([dataclasses.replace(file, digest=short)], tmp_path)
    with pytest.raises(UserError, match=f"digest {short}, not sha256:00000000:"):
        fetch_all([dataclasses.replace(file, name="b", digest="sha256:00000000")], tmp_path)
    assert names(tmp_path) == ["a.bin"]


def test_one_wrong_arrival_is_fetched_once_more(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.send(b"x" * 300_000)]
    (path,) = fetch_all([file], tmp_path)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert server.ranges() == [None, None]
    assert "fetched once more" in capsys.readouterr().err


def test_a_file_that_stays_wrong_never_gets_its_name(server: FileServer, tmp_path: Path) -> None:
    file = dataclasses.replace(server.file(), digest=SHA256)
    right = hashlib.sha256(server.contents["/a.bin"]).hexdigest()
    with pytest.raises(UserError, match=f"a.bin: .* sha256:{right}, not {SHA256}.*dataset.path"):
        fetch_all([file], tmp_path)
    assert len(server.seen) == 2
    assert names(tmp_path) == []


def test_a_body_that_a_server_calls_gzip_is_kept_as_it_is(server: FileServer, tmp_path: Path) -> None:
    server.identity["Content-Encoding"] = "gzip"
    (path,) = fetch_all([server.file()], tmp_path)
    assert path.read_bytes() == server.contents["/a.bin"]


def test_an_empty_file_is_a_file(server: FileServer, tmp_path: Path) -> None:
    (path,) = fetch_all([server.file("/empty", b"", None)], tmp_path)
    assert path.read_bytes() == b""


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))


@pytest.mark.parametrize("size_bytes", [7_000_000_000, None])
def test_the_disk_is_looked_at_first(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int | None
) -> None:
    free(monkeypatch, 500_200_000)
    needed = "7.00" if size_bytes else "0.00"  # the second from the answer to a HEAD
    with pytest.raises(UserError, match=rf"{tmp_path}: {needed} GB .* only 0\.50 GB are free"):
        fetch_all([server.file(size_bytes=size_bytes)], tmp_path)
    assert server.seen == []


def test_what_is_there_needs_no_more_room(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_all([server.file()], tmp_path)
    free(monkeypatch, 0)
    fetch_all([server.file()], tmp_path)


def test_a_part_needs_only_room_for_the_rest(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.end_after(200_000), server.say(404)]
    with pytest.raises(UserError, match="404"):
        fetch_all([file], tmp_path, sleep=lambda _: None)
    free(monkeypatch, 500_100_000)
    fetch_all([file], tmp_path)
    assert names(tmp_path) == ["a.bin"]


def test_a_server_that_answers_no_head_is_asked_for_the_file(server: FileServer, tmp_path: Path) -> None:
    server.head_status = 405
    fetch_all([server.file(size_bytes=None)], tmp_path)
    assert names(tmp_path) == ["a.bin"]


def test_a_disk_that_fills_up_is_one_line(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    really = Path.open

    def open_full(path: Path, mode: str = "r", *rest: object, **named: object) -> object:
        return Full() if mode == "ab" else really(path, mode, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(UserError, match=r"\.a\.bin\.part: cannot be written \(No space left on device\)"):
        fetch_all([server.file()], tmp_path)
    assert len(server.seen) == 1


def test_a_folder_under_the_name_is_told(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(UserError, match=r"a\.bin: Is a directory"):
        fetch_all([server.file()], tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../b", "a\\b", "C:b", "a\nb", "x" * 201])
def test_only_plain_names_are_taken(name: str) -> None:
    with pytest.raises(UserError, match="not a plain file name"):
        RemoteFile("https://host/a", name, SHA256, None)


@pytest.mark.parametrize("digest", ["", "sha256:1234567", "sha256:xyzxyzxyz", "md5:12345678", "sha1:" + "0" * 40])
def test_only_known_digests_are_taken(digest: str) -> None:
    with pytest.raises(UserError, match="is not a digest"):
        RemoteFile("https://host/a", "a", digest, None)


def test_only_web_addresses_are_taken() -> None:
    with pytest.raises(UserError, match="not a web address"):
        RemoteFile("file:///etc/passwd", "a", SHA256, None)


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    files = [RemoteFile(f"http://127.0.0.1:1/{name}", name, SHA256, None) for name in ("a.png", "A.png")]
    with pytest.raises(UserError, match=r"/a\.png and .*/A\.png would both become A\.png"):
        fetch_all(files, tmp_path)
