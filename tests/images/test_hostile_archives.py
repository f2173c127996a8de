"""Members that are never read, bombs, and what is encrypted."""

from __future__ import annotations

import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

from thaw.errors import UserError
from thaw.images.sources import MemberError, forward, open_source, rules

LINK_KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE)
DEVICE_KINDS = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


@pytest.fixture
def low_bomb_limit(monkeypatch):
    monkeypatch.setattr(rules, "BOMB_FROM_BYTES", 100_000)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_absolute_and_parent_members_are_left_out_and_counted(kind, pack):
    names = ["/abs.png", "../up.png", "a/../../up.png", "a/..", "ok.png"]
    with open_source(pack(kind, dict.fromkeys(names, b"x"))) as source:
        assert source.names() == ["ok.png"]
        (defect,) = source.defects()
        assert defect == f"set.{kind}: members with an absolute path or '..', left out: 4, the first '/abs.png'"
        for name in names[:-1]:
            with pytest.raises(MemberError, match="no such file"):
                source.read(name)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_and_devices_in_a_tar_are_left_out_and_counted(mode, tmp_path):
    with tarfile.open(tmp_path / "set.tar", mode) as archive:
        for number, kind in enumerate((*LINK_KINDS, *DEVICE_KINDS)):
            member = tarfile.TarInfo(f"{number}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        archive.addfile(tarfile.TarInfo("ok.png"))
    with open_source(tmp_path / "set.tar") as source:
        assert source.names() == ["ok.png"]
        links, devices = source.defects()
    assert "links, left out: 2, the first '0.png'" in links
    assert "devices, pipes and other special files, left out: 3, the first '2.png'" in devices


def test_links_and_devices_in_a_zip_are_left_out_and_counted(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, mode in (("soft.png", 0o120777), ("pipe.png", 0o010644), ("ok.png", 0o100644)):
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, mode << 16
            archive.writestr(member, "/etc/passwd")
    with open_source(tmp_path / "set.zip") as source:
        assert source.names() == ["ok.png"]
        assert ["links" in defect or "devices" in defect for defect in source.defects()] == [True, True]


def test_sparse_member_of_a_tar_is_left_out_and_the_next_is_read(tmp_path):
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(50_000_000)
    (tmp_path / "ok.png").write_bytes(b"ok")
    names = ["sparse.png", "ok.png"]
    subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "set.tar", *names], check=True)
    with open_source(tmp_path / "set.tar") as source:
        assert source.names() == ["ok.png"]
        assert source.read("ok.png") == b"ok"
        assert "sparse" in source.defects()[0]


def test_header_of_unbelievable_size_is_not_read(pack, monkeypatch):
    monkeypatch.setattr(forward, "HEADER_LIMIT_BYTES", 2000)
    path = pack("tar", {"ok.png": b"x", f"{'a/' * 3000}long.png": b"x"})
    with open_source(path) as source:
        assert source.names() == ["ok.png"]
        assert "a header of" in source.defects()[0]


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_size_below_zero_does_not_lead_backwards(kind, pack, tmp_path):
    path = pack("tar", {"ok.png": b"x", "evil.png": b"y" * 600})
    content = bytearray(path.read_bytes())
    header = content.index(b"evil.png")
    content[header + 124 : header + 136] = b"\xff" * 10 + b"\xfc\x00"  # -1024, in base 256
    content[header + 148 : header + 156] = b" " * 8
    checksum = sum(content[header : header + 512])
    content[header + 148 : header + 156] = f"{checksum:06o}\0 ".encode()
    compressor = zlib.compressobj(wbits=31)
    path.write_bytes(content if kind == "tar" else compressor.compress(content) + compressor.flush())
    with open_source(path) as source:
        assert source.names() == ["ok.png"]
        assert "in 'evil.png'" in source.defects()[0]


@pytest.mark.usefixtures("low_bomb_limit")
def test_zip_member_that_grows_too_much_is_refused(pack):
    files = {"bomb.png": bytes(1_000_000), "small.png": bytes(90_000), "ok.png": b"x"}
    with open_source(pack("zip", files)) as source:
        with pytest.raises(MemberError, match=r"grows from .* to 1,000,000 bytes: more than 200 times"):
            source.read("bomb.png")
        assert source.read("small.png") == files["small.png"]


@pytest.mark.usefixtures("low_bomb_limit")
@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_compressed_tar_that_grows_too_much_is_cut_there(kind, pack, monkeypatch):
    monkeypatch.setattr("thaw.images.sources.inflated.PIECE_BYTES", 10_000)
    with open_source(pack(kind, {"a.png": b"x", "bomb.png": bytes(5_000_000), "z.png": b"x"})) as source:
        assert source.names() == ["a.png"]
        assert source.read("a.png") == b"x"
        (defect,) = source.defects()
    assert "in 'bomb.png'" in defect
    assert "grows more than 200 times" in defect


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip_member_is_not_unpacked_beyond_its_claim(method, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("liar.png", b"x" * 5000)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<L", 1000)
    path.write_bytes(content)
    with open_source(path) as source, pytest.raises(MemberError, match="more than the 1,000 bytes that it claims"):
        source.read("liar.png")


def test_zip_member_by_an_unknown_method_is_a_reason(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", b"x" * 5000)
    with (
        open_source(tmp_path / "set.zip") as source,
        pytest.raises(MemberError, match="method 14 is not supported; pack the archive with deflate"),
    ):
        source.read("a.png")


def test_zip_members_that_overlap_are_refused(pack):
    path = pack("zip", {f"{number}.png": bytes(range(256)) * 40 for number in range(8)})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    entries = content[directory:]
    for number in range(8):  # all entries point at the first member, as in Fifield's bomb
        entry = entries.index(f"{number}.png".encode()) - 46
        entries[entry + 42 : entry + 46] = bytes(4)
    end = entries.index(b"PK\x05\x06")
    first_member = bytes(content[: content.index(b"PK\x03\x04", 4)])
    entries[end + 16 : end + 20] = struct.pack("<L", len(first_member))
    path.write_bytes(first_member + entries)
    with pytest.raises(UserError, match=r"set\.zip: its members claim .* overlap"):
        open_source(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_too_many_members_are_refused(kind, pack, monkeypatch):
    monkeypatch.setattr(rules, "MEMBERS_LIMIT", 5)
    path = pack(kind, {f"{number}.png": b"x" for number in range(6)})
    with pytest.raises(UserError, match="more than 5 members"):
        open_source(path)


def test_zip64_directory_that_claims_too_many_members_is_not_read(pack):
    path = pack("zip", {"a.png": b"x"})
    content = path.read_bytes()
    end = content.index(b"PK\x05\x06")
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9_000_000, 9_000_000, 51, end - 51)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    path.write_bytes(content[:end] + zip64 + locator + content[end:])
    with pytest.raises(UserError, match="more than 5,000,000 members"):
        open_source(path)


def _encrypt(path, names):
    content = bytearray(path.read_bytes())
    for name in names:
        content[content.rindex(name) - 46 + 8] |= 1  # the flags in the central directory
    path.write_bytes(content)


def test_encrypted_members_are_left_out_and_counted(pack):
    path = pack("zip", {"one.png": b"1", "two.png": b"2", "three.png": b"3"})
    _encrypt(path, [b"one.png", b"two.png"])
    with open_source(path) as source:
        assert source.names() == ["three.png"]
        assert source.defects() == ("set.zip: encrypted members, left out: 2, the first 'one.png'",)


def test_zip_with_nothing_but_encrypted_members_is_refused(pack):
    path = pack("zip", {"one.png": b"1"})
    _encrypt(path, [b"one.png"])
    with pytest.raises(UserError, match=r"'one\.png' is encrypted; allowed: a \.zip without a password"):
        open_source(path)


def test_sources_import_neither_pandas_nor_torch():
    code = "import sys, thaw.images.workers; print(sorted({'pandas', 'torch', 'matplotlib'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "[]"
