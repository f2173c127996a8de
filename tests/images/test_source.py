from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from thaw.errors import UserError
from thaw.images import source as module
from thaw.images.source import MemberError, fingerprint, open_source

KINDS = ["folder", "zip", "tar"]
FILES = {"b/two.png": b"second", "a/one.png": b"first" * 1000, "table.csv": b"image\n"}
JUNK = {"__MACOSX/a/._one.png": b"x", "a/.DS_Store": b"x", ".git/config": b"x", "a/Thumbs.db": b"x"}


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_sorted_and_contents_are_those_packed(kind, pack):
    with open_source(pack(kind, {**FILES, **JUNK})) as source:
        assert source.names() == sorted(FILES)
        assert {name: source.read(name) for name in source.names()} == FILES


@pytest.mark.parametrize("kind", KINDS)
def test_missing_member_is_a_reason_not_a_crash(kind, pack):
    with open_source(pack(kind, FILES)) as source:
        for name in ("no.png", "../set.zip", "/etc/passwd", "a"):
            with pytest.raises(MemberError, match="no such file in the source"):
                source.read(name)


@pytest.mark.parametrize("kind", KINDS)
def test_source_still_reads_after_pickling_and_after_close(kind, pack):
    with open_source(pack(kind, FILES)) as source:
        source.read("a/one.png")
        with pickle.loads(pickle.dumps(source)) as copy:
            assert copy.read("b/two.png") == b"second"
        source.close()
        assert source.read("a/one.png") == FILES["a/one.png"]


def _read_often(source, name, content):
    for _ in range(1000):
        assert source.read(name) == content


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_forked_processes_read_without_disturbing_each_other(kind, pack):
    fork = multiprocessing.get_context("fork")
    files = {f"{number}.png": random.Random(number).randbytes(20_000) for number in range(4)}
    with open_source(pack(kind, files)) as source:
        source.read("0.png")
        # forked, not pickled: the children inherit the open handle
        children = [fork.Process(target=_read_often, args=(source, *file)) for file in files.items()]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0] * 4


def test_tar_with_leading_dot_has_plain_names(pack):
    with open_source(pack("tar", {"./a/one.png": b"1"})) as source:
        assert source.names() == ["a/one.png"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_absolute_and_parent_members_are_left_out(kind, pack):
    with open_source(
        pack(kind, {"/abs.png": b"x", "../up.png": b"x", "a/../../up.png": b"x", "ok.png": b"x"})
    ) as source:
        assert source.names() == ["ok.png"]


def test_links_in_a_folder_are_not_followed(pack, tmp_path):
    folder = pack("folder", FILES)
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(secret / "secret.png")
    (folder / "linked").symlink_to(secret)
    os.mkfifo(folder / "pipe.png")
    with open_source(folder) as source:
        assert source.names() == sorted(FILES)


def test_links_in_archives_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        for name, kind in (("soft.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        member = zipfile.ZipInfo("soft.png")
        member.create_system, member.external_attr = 3, 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    for name in ("links.tar", "links.zip"):
        with open_source(tmp_path / name) as source:
            assert source.names() == []


def test_nothing_is_written(pack, tmp_path):
    path = pack("zip", FILES)
    before = sorted(tmp_path.rglob("*"))
    with open_source(path) as source:
        source.read("a/one.png")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"PK\x03\x04 broken", b"\x1f\x8b gzip"])
def test_what_is_no_archive_is_refused(content, tmp_path):
    for name in ("file.zip", "file.tar", "file"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}.*allowed: a folder, a \.zip or an uncompressed \.tar"):
            open_source(tmp_path / name)


def test_missing_path_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.zip: no such file or folder; allowed"):
        open_source(tmp_path / "nowhere.zip")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_truncated_archive_is_refused(kind, pack):
    path = pack(kind, FILES)
    whole = path.read_bytes()
    end = whole.rindex(b"second") + 3 if kind == "tar" else len(whole) - 30
    path.write_bytes(whole[:end])
    with pytest.raises(UserError, match=r"set\.\w+: not a complete"):
        open_source(path)


def test_tar_with_a_damaged_header_is_refused(pack):
    path = pack("tar", FILES)
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"table.csv")] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(UserError, match="damaged at byte"):
        open_source(path)


def test_encrypted_zip_is_refused(pack):
    path = pack("zip", {"one.png": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flags in the central directory
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"'one\.png' is encrypted"):
        open_source(path)


def test_damaged_zip_member_is_a_reason(pack):
    path = pack("zip", FILES)
    content = bytearray(path.read_bytes())
    content[content.index(b"a/one.png") + 12] ^= 0xFF
    path.write_bytes(content)
    with open_source(path) as source:
        with pytest.raises(MemberError, match="cannot be read from the source"):
            source.read("a/one.png")
        assert source.read("b/two.png") == b"second"


@pytest.mark.parametrize("kind", KINDS)
def test_member_that_grows_beyond_the_limit_is_refused(kind, pack, monkeypatch):
    monkeypatch.setattr(module, "MEMBER_LIMIT_BYTES", 1000)
    with open_source(pack(kind, FILES)) as source, pytest.raises(MemberError, match="5,000 bytes: larger than 1,000"):
        source.read("a/one.png")


def test_file_name_that_is_not_utf8_is_named(tmp_path):
    with tarfile.open(tmp_path / "old.tar", "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("thé.png"), io.BytesIO())
    with pytest.raises(UserError, match="is not UTF-8; rename the file"):
        open_source(tmp_path / "old.tar")


@pytest.mark.parametrize("kind", KINDS)
def test_fingerprint_changes_with_every_byte_and_name(kind, pack):
    def of(files):
        path = pack(kind, files)
        result = fingerprint(path)
        if kind == "folder":
            for name in files:
                (path / name).unlink()
        return result

    first = of(FILES)
    assert of(FILES) == first
    assert of({**FILES, "table.csv": b"imagf\n"}) != first
    renamed = {**FILES, "table2.csv": FILES["table.csv"]}
    del renamed["table.csv"]
    assert of(renamed) != first
    assert of({**FILES, "new.png": b""}) != first


def test_fingerprint_of_a_folder_ignores_where_it_lies(pack, tmp_path):
    folder = pack("folder", FILES)
    before = fingerprint(folder)
    assert fingerprint(folder.rename(Path(tmp_path, "elsewhere"))) == before
