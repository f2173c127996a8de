from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from thaw.errors import UserError
from thaw.images.pseudonym import Pseudonyms, load_salt

SALT = b"0123456789abcdef"
PSEUDONYMS = Pseudonyms(SALT)


@pytest.fixture(autouse=True)
def _no_salt_in_the_environment(monkeypatch):
    monkeypatch.delenv("THAW_SALT", raising=False)


def test_a_pseudonym_is_a_keyed_hash():
    expected = hmac.new(SALT, b"PAT-0042", hashlib.sha256).hexdigest()[:16]
    assert PSEUDONYMS.of("PAT-0042") == expected
    assert PSEUDONYMS.of(" PAT-0042 ") == expected
    assert PSEUDONYMS.of("PAT-0043") != expected
    assert Pseudonyms(b"another salt, as long").of("PAT-0042") != expected


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_no_identifier_has_no_pseudonym(blank):
    assert PSEUDONYMS.of(blank) == ""
    assert PSEUDONYMS.name("a/b.dcm", blank) == "a/b.dcm"


def test_any_text_has_a_pseudonym():
    assert len(PSEUDONYMS.of("Müller^Jörg \udcff")) == 16


@pytest.mark.parametrize(
    ("path", "patient", "expected"),
    [
        ("12345/1.dcm", "12345", "*/1.dcm"),
        ("set/12345/12345_2.dcm", "12345", "set/*/*_2.dcm"),
        ("p12345/s9.dcm", "12345", "p*/s9.dcm"),
        ("a-12345.dcm", "12345", "a-*.dcm"),
        ("123456/1.dcm", "12345", "123456/1.dcm"),
        ("012345.dcm", "12345", "012345.dcm"),
        ("pat.a7/1.dcm", "PAT.A7", "*/1.dcm"),
        ("patxa7/1.dcm", "PAT.A7", "patxa7/1.dcm"),
        ("xMEIER.dcm", "MEIER", "xMEIER.dcm"),
        ("MEIER2_MEIER.dcm", "MEIER", "*2_*.dcm"),
        ("Müller^Jörg/1.dcm", "Müller^Jörg", "*/1.dcm"),
        ("7/7_7.dcm", "7", "*/7_7.dcm"),
        ("a/07.dcm", "07", "a/*.dcm"),
        ("other/1.dcm", "12345", "other/1.dcm"),
        ("(12)/1.dcm", "(12)", "*/1.dcm"),
    ],
)
def test_an_identifier_in_a_path_is_replaced(path, patient, expected):
    assert PSEUDONYMS.name(path, patient) == expected.replace("*", PSEUDONYMS.of(patient))


def test_a_short_salt_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        Pseudonyms(b"short")


def test_a_salt_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "private" / "salt"
    salt = load_salt(path)
    assert len(salt) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_salt(path) == salt
    assert [file.name for file in path.parent.iterdir()] == ["salt"]


def test_all_who_make_a_salt_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: load_salt(tmp_path / "salt"), range(8)))) == 1


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("THAW_SALT", "sixteen letters!")
    assert load_salt(tmp_path / "salt") == b"sixteen letters!"
    assert not (tmp_path / "salt").exists()


@pytest.mark.parametrize("salt", ["", "fifteen letters"])
def test_a_short_salt_in_the_environment_is_the_users_mistake(salt, tmp_path, monkeypatch):
    monkeypatch.setenv("THAW_SALT", salt)
    with pytest.raises(UserError, match="THAW_SALT: shorter than 16 characters"):
        load_salt(tmp_path / "salt")


def test_a_damaged_salt_file_is_the_users_mistake(tmp_path):
    (tmp_path / "salt").write_text("cut")
    with pytest.raises(UserError, match="shorter than 16 characters; restore"):
        load_salt(tmp_path / "salt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be read or made"):
        load_salt(tmp_path / "folder")
