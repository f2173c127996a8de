"""Archives that are cut, damaged or none at all."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
import zlib

import pytest

from thaw.errors import UserError
from thaw.images.sources import MemberError, open_source
from thaw.images.sources.zip_salvage import salvage

FILES = {
    f"images/{number:02}.png": random.Random(number).randbytes(900 + 97 * number).hex().encode() for number in range(12)
}
CUTS = [share / 21 for share in range(1, 21)]


def usable(path):
    with open_source(path) as source:
        contents = dict(source.stream(source.names()))
        assert contents == {name: source.read(name) for name in source.names()}
        return contents, source.defects()


class _Pipe(io.BytesIO):
    """What cannot seek: a zip written to it has the sizes after the data."""

    def seekable(self):
        return False

    def tell(self):
        raise OSError

    def seek(self, *_):
        raise OSError


def piped_zip(path, compression=zipfile.ZIP_DEFLATED):
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", compression) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    path.write_bytes(pipe.getvalue())
    return path


def before(path, kind, cut):
    """Which members are whole in the first ``cut`` bytes, found without the code under test."""
    whole = path.read_bytes()
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            starts = [member.header_offset for member in archive.infolist()] + [archive.start_dir]
        return [name for name, end in zip(FILES, starts[1:], strict=True) if end <= cut]
    content = whole[:cut] if kind == "tar" else _gunzip(whole[:cut])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole) if kind == "tar.gz" else whole)) as archive:
        return [member.name for member in archive if member.offset_data + member.size <= len(content)]


def _gunzip(data):
    return zlib.decompressobj(31).decompress(data)


def archive_end(tar):
    """Where a tar's end mark ends; only padding follows."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.getmembers()
        return archive.offset + 512


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "piped"])
def test_cut_archive_gives_exactly_the_members_before_the_cut(kind, cut, pack, tmp_path):
    path = piped_zip(tmp_path / "set.zip") if kind == "piped" else pack(kind, FILES)
    whole, kind = path.read_bytes(), "zip" if kind == "piped" else kind
    end = int(len(whole) * cut)
    expected = before(path, kind, end)
    path.write_bytes(whole[:end])
    if not expected:
        with pytest.raises(UserError, match=rf"set\.{kind}: not a complete"):
            open_source(path)
        return
    contents, defects = usable(path)
    assert contents == {name: FILES[name] for name in expected}
    if kind == "tar" and end >= archive_end(whole):
        assert defects == ()
        return
    assert len(defects) == 1
    assert defects[0].startswith(f"set.{kind}: broken")
    assert f"the {len(expected)} members before are used" in defects[0]
    if len(expected) < len(FILES):
        following = list(FILES)[len(expected)]
        assert f"in {following!r}" in defects[0] or f"after {expected[-1]!r}" in defects[0]
    if kind != "zip":
        assert f"byte {end:,}" in defects[0]


@pytest.mark.parametrize("kind", ["tar.bz2", "tar.xz"])
def test_other_compressions_keep_what_comes_before_a_cut_too(kind, pack):
    path = pack(kind, {name: random.Random(name).randbytes(150_000) for name in FILES})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    contents, defects = usable(path)
    assert 2 <= len(contents) < len(FILES)
    assert "the compressed data end too early" in defects[0]


def test_garbage_in_the_middle_of_a_gzip_keeps_what_comes_before(pack):
    path = pack("tar.gz", FILES)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + b"\xff" * 300 + whole[middle + 300 :])
    contents, defects = usable(path)
    expected = len(before(pack("tar.gz", FILES, "other"), "tar.gz", middle))
    assert len(contents) in (expected, expected + 1)
    assert list(contents) == list(FILES)[: len(contents)]
    assert contents["images/00.png"] == FILES["images/00.png"]
    assert "broken" in defects[0]


def test_garbage_where_a_stream_of_a_gzip_should_begin_is_named_by_its_byte(pack):
    tar = pack("tar", FILES).read_bytes()
    half = gzip.compress(tar[: tar.index(b"images/06.png") + 700])
    path = pack("tar.gz", FILES)
    path.write_bytes(half + b"garbage" * 1000)
    contents, defects = usable(path)
    assert contents == {name: FILES[name] for name in list(FILES)[:6]}
    assert "in 'images/06.png'" in defects[0]
    assert f"byte {len(half) + 2:,}" in defects[0]  # zlib reads two bytes to know
    assert "damaged: Error -3" in defects[0]


def test_wrong_checksum_of_a_gzip_is_told(pack):
    path = pack("tar.gz", FILES)
    whole = bytearray(path.read_bytes())
    whole[-8] ^= 0xFF
    path.write_bytes(whole)
    contents, defects = usable(path)
    assert contents == FILES
    assert "incorrect data check" in defects[0]


def test_tar_with_a_damaged_header_keeps_what_comes_before(pack):
    path = pack("tar", FILES)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"images/05.png")
    whole[place] ^= 0xFF
    path.write_bytes(whole)
    contents, defects = usable(path)
    assert contents == {name: FILES[name] for name in list(FILES)[:5]}
    assert "after 'images/04.png'" in defects[0]
    assert f"byte {place + 512:,}" in defects[0]


def test_hole_of_zeros_in_a_tar_is_told(pack):
    path = pack("tar", FILES)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"images/05.png")
    whole[place : place + 512] = bytes(512)
    path.write_bytes(whole)
    contents, defects = usable(path)
    assert len(contents) == 5
    assert "broken by an end mark" in defects[0]


@pytest.mark.parametrize("kind", ["zip", "piped"])
def test_damaged_member_of_a_zip_without_directory_is_passed_over(kind, pack, tmp_path):
    path = piped_zip(tmp_path / "set.zip") if kind == "piped" else pack(kind, FILES)
    with zipfile.ZipFile(path) as archive:
        directory, place = archive.start_dir, archive.getinfo("images/05.png").header_offset
    whole = bytearray(path.read_bytes()[:directory])
    whole[place + 30 + len("images/05.png") + 100] ^= 0xFF
    path.write_bytes(whole)
    contents, defects = usable(path)
    expected = list(FILES)[:5] if kind == "piped" else [name for name in FILES if name != "images/05.png"]
    assert contents == {name: FILES[name] for name in expected}
    assert "'images/05.png'" in "".join(defects)


def test_stored_members_are_found_without_directory_unless_their_sizes_follow(pack, tmp_path):
    path = tmp_path / "stored.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes()[: archive.start_dir])
    assert usable(path)[0] == FILES
    assert "its end cannot be found" in salvage(piped_zip(tmp_path / "piped.zip", zipfile.ZIP_STORED)).end


def test_sizes_of_eight_bytes_after_the_data_are_read(tmp_path):
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    path = tmp_path / "set.zip"
    path.write_bytes(pipe.getvalue()[: archive.start_dir])
    assert usable(path)[0] == FILES


def test_damaged_zip_member_is_a_reason(pack):
    path = pack("zip", FILES)
    content = bytearray(path.read_bytes())
    content[content.index(b"images/03.png") + 60] ^= 0xFF
    path.write_bytes(content)
    with open_source(path) as source:
        with pytest.raises(MemberError, match="cannot be read from the source"):
            source.read("images/03.png")
        assert source.read("images/04.png") == FILES["images/04.png"]


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"PK\x03\x04 broken", b"\x1f\x8b gzip"])
def test_what_is_no_archive_is_refused(content, tmp_path):
    for name in ("file.zip", "file.tar", "file.tar.gz", "file"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}.*allowed: a folder, a \.zip, a \.tar or a \.tar\.gz"):
            open_source(tmp_path / name)


def test_compressed_file_that_is_no_tar_is_refused(tmp_path):
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"image,label\n" * 100))
    with pytest.raises(UserError, match=r"table\.csv\.gz: not a complete compressed tar"):
        open_source(tmp_path / "table.csv.gz")


def test_missing_path_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.zip: no such file or folder; allowed"):
        open_source(tmp_path / "nowhere.zip")
