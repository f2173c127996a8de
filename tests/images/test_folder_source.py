"""A folder of files and archives."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys

import pytest

from thaw.errors import UserError
from thaw.images.sources import MemberError, open_source, walk

FILES = {"b/two.png": b"second", "a/one.png": b"first" * 1000, "table.csv": b"image\n"}


@pytest.fixture
def twelve(pack):
    """The layout of NIH's download: a table, and twelve archives that all hold a folder "images"."""
    expected = {"Data_Entry_2017.csv": b"Image Index\n"}
    path = pack("folder", expected, "nih")
    for archive in range(1, 13):
        images = {f"images/{archive:08}_{number:03}.png": f"{archive} {number}".encode() for number in range(5)}
        pack("tar.gz", images, f"nih.folder/images_{archive:03}")
        expected |= {f"images_{archive:03}.tar.gz/{name}": content for name, content in images.items()}
    return path, expected


def test_twelve_archives_in_a_folder_are_one_source(twelve):
    path, expected = twelve
    with open_source(path) as source:
        assert source.names() == sorted(expected)
        assert source.defects() == ()
        assert dict(source.stream(expected)) == expected
        assert source.read("images_012.tar.gz/images/00000012_004.png") == b"12 4"


def test_reading_from_an_archive_in_a_folder_needs_no_walk(twelve, monkeypatch):
    path, expected = twelve

    def refuse(*_):
        raise AssertionError("walked")

    monkeypatch.setattr(walk.os, "scandir", refuse)
    with open_source(path) as source:
        assert source.read("images_003.tar.gz/images/00000003_001.png") == b"3 1"
        assert source.read("Data_Entry_2017.csv") == b"Image Index\n"
        assert len(source.batches(expected, 2)) == 13
        assert dict(pickle.loads(pickle.dumps(source)).stream(expected)) == expected


@pytest.mark.parametrize(("workers", "jobs"), [(1, 12), (2, 12), (12, 12), (16, 24)])
def test_an_archive_is_a_job_and_dealt_where_workers_are_more(twelve, workers, jobs):
    path, expected = twelve
    images = [name for name in expected if name.endswith(".png")]
    with open_source(path) as source:
        batches = source.batches(images, workers)
        assert len(batches) == jobs
        assert sorted(name for batch in batches for name in batch) == sorted(images)
        assert all(len({name.split("/")[0] for name in batch}) == 1 for batch in batches)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz", "tar.xz"])
def test_archive_is_passed_over_where_it_has_been_unpacked(kind, pack):
    folder = pack("folder", {"deep/set/a.png": b"unpacked"}, "top")
    pack(kind, {"a.png": b"packed"}, "top.folder/deep/set")
    pack(kind, {"a.png": b"other"}, "top.folder/deep/other")
    with open_source(folder) as source:
        assert source.names() == [f"deep/other.{kind}/a.png", "deep/set/a.png"]


def test_archives_in_archives_are_not_opened(pack):
    inner = pack("zip", {"a.png": b"1"}, "inner").read_bytes()
    folder = pack("folder", {"b.png": b"2"}, "top")
    pack("tar", {"inner.zip": inner}, "top.folder/outer")
    with open_source(folder) as source:
        assert source.names() == ["b.png", "outer.tar/inner.zip"]
        with pytest.raises(MemberError, match="no such file"):
            source.read("outer.tar/inner.zip/a.png")


def test_broken_archive_in_a_folder_is_a_defect_and_the_others_are_read(pack):
    folder = pack("folder", {"sub/a.zip": b"none", "sub/notes.csv.gz": gzip.compress(b"1")}, "top")
    cut = pack("tar.gz", {f"{number}.png": os.urandom(2000) for number in range(9)}, "top.folder/sub/cut")
    cut.write_bytes(cut.read_bytes()[:9000])
    with open_source(folder) as source:
        names = source.names()
        assert names[0] == "sub/cut.tar.gz/0.png"
        assert names[-1] == "sub/notes.csv.gz"
        assert 4 <= len(names) <= 6
        refused, broken = source.defects()
        assert "top.folder/sub/a.zip: not a complete zip" in refused
        assert broken.startswith("sub/cut.tar.gz: broken in")
        with pytest.raises(MemberError, match="not a complete zip"):
            source.read("sub/a.zip/x.png")
        assert "not a complete zip" in str(dict(source.stream(["sub/a.zip/x.png"]))["sub/a.zip/x.png"])


def test_links_and_special_files_are_left_out_and_counted(pack, tmp_path):
    folder = pack("folder", FILES)
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "secret.png").write_bytes(b"secret")
    pack("zip", {"secret.png": b"secret"}, "outside/set")
    (folder / "link.png").symlink_to(secret / "secret.png")
    (folder / "linked").symlink_to(secret)
    (folder / "linked.zip").symlink_to(secret / "set.zip")
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe.zip")
    with open_source(folder) as source:
        assert source.names() == sorted(FILES)
        links, special = source.defects()
        assert links.startswith("links, left out: 3")
        assert special.startswith("devices, pipes and other special files, left out: 2")
        asked = ["link.png", "linked/secret.png", "linked.zip/secret.png", "linked/set.zip/secret.png", "pipe.png"]
        asked += ["pipe.zip/x.png", "../outside/secret.png", str(secret / "secret.png"), "a/../../outside/set.zip/x"]
        for name in asked:
            with pytest.raises(MemberError, match="no such file in the source"):
                source.read(name)
        assert {str(content) for _, content in source.stream(asked)} == {"no such file in the source"}


def test_root_may_be_reached_by_a_link(pack, tmp_path):
    (tmp_path / "link").symlink_to(pack("folder", FILES))
    with open_source(tmp_path / "link") as source:
        assert dict(source.stream(source.names())) == FILES


def test_pipe_is_no_source(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        open_source(tmp_path / "pipe")


PERMISSIONS = """
import os, sys
from pathlib import Path
from thaw.errors import UserError
from thaw.images.sources import MemberError, open_source
if os.getuid() == 0:
    os.setuid(65534)
root = Path(sys.argv[1])
with open_source(root) as source:
    print(source.names(), source.defects())
    for name in ("closed.png", "shut/a.png", "closed.zip/a.png"):
        try:
            source.read(name)
        except MemberError as error:
            print(name, error)
for path in (root / "shut", root / "closed.zip"):
    try:
        with open_source(path) as source:
            source.names()
    except UserError as error:
        print(error)
"""


def test_what_may_not_be_read_is_told(pack, tmp_path):
    folder = pack("folder", {"ok.png": b"1", "closed.png": b"2", "shut/a.png": b"3", "closed.zip": b"PK"})
    for closed in ("closed.png", "shut", "closed.zip"):
        (folder / closed).chmod(0)
    for parent in (tmp_path, *tmp_path.parents[:3]):  # one more where tests run side by side
        parent.chmod(0o755)
    script = [sys.executable, "-c", PERMISSIONS, str(folder)]
    try:
        lines = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()
    finally:
        (folder / "shut").chmod(0o755)
    assert "['closed.png', 'ok.png']" in lines[0]
    assert "shut: cannot be listed (Permission denied)" in lines[0]
    assert "closed.zip: cannot be read (Permission denied)" in lines[0]
    assert all("Permission denied" in line for line in lines[1:])
    assert len(lines) == 6
