"""What every kind of source does alike."""

from __future__ import annotations

import gzip
import io
import multiprocessing
import os
import pickle
import random
import tarfile
import zipfile

import pytest

from thaw.errors import UserError
from thaw.images.sources import MemberError, open_source, rules

STREAMED = ["tar.gz", "tgz", "tar.bz2", "tar.xz"]
KINDS = ["folder", "zip", "tar", *STREAMED]
FILES = {"b/two.png": b"second", "a/one.png": b"first" * 1000, "table.csv": b"image\n"}
JUNK = {"__MACOSX/a/._one.png": b"x", "a/.DS_Store": b"x", ".git/config": b"x", "a/Thumbs.db": b"x"}


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_sorted_and_contents_are_those_packed(kind, pack):
    with open_source(pack(kind, {**FILES, **JUNK})) as source:
        assert source.names() == sorted(FILES)
        assert {name: source.read(name) for name in source.names()} == FILES
        assert source.defects() == ()


@pytest.mark.parametrize("kind", KINDS)
def test_stream_gives_every_asked_name_once(kind, pack):
    asked = ["table.csv", "no.png", "a/one.png", "table.csv"]
    with open_source(pack(kind, FILES)) as source:
        streamed = list(source.stream(asked))
        assert list(source.stream([])) == []
    contents = dict(streamed)
    assert len(streamed) == len(contents) == 3
    assert contents["a/one.png"] == FILES["a/one.png"]
    assert contents["table.csv"] == FILES["table.csv"]
    assert str(contents["no.png"]) == "no such file in the source"
    assert isinstance(contents["no.png"], MemberError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["no.png", "../set.zip", "/etc/passwd", "a", "a//one.png", "./table.csv", "x\0", ""])
def test_missing_member_is_a_reason_not_a_crash(kind, name, pack):
    with open_source(pack(kind, FILES)) as source, pytest.raises(MemberError, match="no such file in the source"):
        source.read(name)


@pytest.mark.parametrize("kind", KINDS)
def test_source_still_reads_after_pickling_and_after_close(kind, pack):
    with open_source(pack(kind, FILES)) as source:
        source.read("a/one.png")
        with pickle.loads(pickle.dumps(source)) as copy:
            assert copy.read("b/two.png") == b"second"
            assert copy.names() == sorted(FILES)
        source.close()
        assert source.read("a/one.png") == FILES["a/one.png"]


def _read_often(source, name, content):
    for _ in range(200):
        assert source.read(name) == content


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
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


@pytest.mark.parametrize("kind", KINDS)
def test_names_with_spaces_and_letters_beyond_ascii(kind, pack):
    files = {"Thorax à 2 m/Lunge größer.png": b"1", "胸部/картинка 1.png": b"2"}
    with open_source(pack(kind, files)) as source:
        assert source.names() == sorted(files)
        assert dict(source.stream(files)) == files


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_tar_with_leading_dot_has_plain_names(kind, pack):
    with open_source(pack(kind, {"./a/one.png": b"1"})) as source:
        assert source.names() == ["a/one.png"]


@pytest.mark.parametrize("name", ["set.tar", "set.tar.gz", "set", "set.zip", "set.gz"])
def test_compression_is_known_by_content_not_by_name(name, pack, tmp_path):
    path = pack("tar.gz", FILES).rename(tmp_path / name)
    with open_source(path) as source:
        assert dict(source.stream(FILES)) == FILES


def test_gzip_in_several_streams_with_padding_is_one_archive(pack):
    path = pack("tar.gz", FILES)
    plain = pack("tar", FILES).read_bytes()
    path.write_bytes(b"".join(gzip.compress(plain[at : at + 1000]) for at in range(0, len(plain), 1000)) + bytes(999))
    with open_source(path) as source:
        assert dict(source.stream(FILES)) == FILES
        assert source.defects() == ()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written(kind, pack, tmp_path):
    path = pack(kind, FILES)
    before = sorted(tmp_path.rglob("*"))
    with open_source(path) as source:
        assert dict(source.stream(FILES)) == FILES
    assert sorted(tmp_path.rglob("*")) == before


def test_stream_of_a_compressed_tar_stops_after_the_last_wanted_member(pack):
    files = {f"{number:02}.png": random.Random(number).randbytes(200_000) for number in range(20)}
    path = pack("tar.gz", files)
    with open_source(path) as source:
        # what lies behind the wanted members is not even inflated: it may be broken by now
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2 :] = bytes(len(whole) - len(whole) // 2)
        path.write_bytes(whole)
        wanted = ["03.png", "01.png"]
        assert list(source.stream(wanted)) == [(name, files[name]) for name in sorted(wanted)]


@pytest.mark.parametrize("kind", KINDS)
def test_member_that_grows_beyond_the_limit_is_refused(kind, pack, monkeypatch):
    monkeypatch.setattr(rules, "MEMBER_LIMIT_BYTES", 1000)
    with open_source(pack(kind, FILES)) as source:
        with pytest.raises(MemberError, match="5,000 bytes: larger than 1,000"):
            source.read("a/one.png")
        assert dict(source.stream(["a/one.png", "b/two.png"]))["b/two.png"] == b"second"


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_last_of_two_members_with_one_name_wins_and_is_told(kind, tmp_path):
    path = tmp_path / f"twice.{kind}"
    members = [("a.png", b"old"), ("b.png", b"other"), ("a.png", b"new")]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members[:2]:
                archive.writestr(name, content)
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr(*members[2])
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    with open_source(path) as source:
        assert source.read("a.png") == b"new"
        assert dict(source.stream(source.names())) == {"a.png": b"new", "b.png": b"other"}
        assert len(source.defects()) == 1
        assert f"twice.{kind}: members that repeat an earlier name, of which the last is used: 1" in source.defects()[0]
        assert "'a.png'" in source.defects()[0]


def test_file_name_that_is_not_utf8_is_named(tmp_path):
    with tarfile.open(tmp_path / "old.tar", "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("thé.png"), io.BytesIO())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / os.fsdecode(b"th\xe9.png")).write_bytes(b"1")
    for name in ("old.tar", "folder"):
        with pytest.raises(UserError, match="is not UTF-8; rename the file"), open_source(tmp_path / name) as source:
            source.names()


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_files_that_are_reached_directly_come_in_chunks(kind, workers, pack):
    names = [f"{number:03}.png" for number in range(70)]
    with open_source(pack(kind, dict.fromkeys(names, b"1"))) as source:
        assert source.batches(names, workers) == [names[:32], names[32:64], names[64:]]


def test_one_streamed_archive_is_dealt_to_all_workers(pack):
    names = [f"{number:02}.png" for number in range(10)]
    with open_source(pack("tar.gz", dict.fromkeys(names, b"1"))) as source:
        assert source.batches(names, 1) == [names]
        assert source.batches(names, 2) == [names[:5], names[5:]]
        assert source.batches(names[:2], 8) == [names[:1], names[1:2]]
        assert source.batches([], 2) == []
