"""Pseudonyms of patients: the same one for the same patient, and no way back without the salt."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path, PurePosixPath

from thaw.errors import UserError

SALT_VARIABLE = "THAW_SALT"
SALT_MIN_CHARACTERS = 16
PSEUDONYM_DIGITS = 16  # 64 bits: two of a million patients share one with a chance of 3 in 100 million
SHORT_ID = 3  # an id of fewer characters also stands in paths that do not mean the patient


class Pseudonyms:
    """Replaces hospital identifiers before they are written anywhere.

    Tables, reports, saved models and the DVC cache are shared and kept for years; an identifier in one of them leads
    anybody with access to the hospital's system to the person. A plain hash would not hide it: identifiers are few
    enough to hash them all. Hence HMAC-SHA256 (RFC 2104), keyed with a salt that stays on this machine.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < SALT_MIN_CHARACTERS:
            raise ValueError(f"a salt has at least {SALT_MIN_CHARACTERS} bytes")
        self._salt = salt

    def of(self, patient_id: str) -> str:
        """Return 16 hexadecimal digits for an identifier, "" (unknown) for a blank one; outer blanks do not count."""
        patient_id = patient_id.strip()
        if not patient_id:
            return ""
        message = patient_id.encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, message, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]

    def name(self, path_in_source: str, patient_id: str) -> str:
        """Return an image's path with the patient's identifier replaced by the pseudonym wherever it occurs.

        Paths are written into tables as they are, and hospital exports name folders and files after patients. Upper
        and lower case count as one. The identifier may be part of a component where a letter does not touch another
        letter at its ends, nor a digit another digit: ``12345`` occurs in ``p12345_2.dcm``, not in ``123456.dcm``. One
        of fewer than 3 characters must be a whole component, or one up to its suffix.
        """
        patient_id = patient_id.strip()
        if not patient_id:
            return path_in_source
        pseudonym = self.of(patient_id)
        if len(patient_id) < SHORT_ID:
            parts = path_in_source.split("/")
            return "/".join(_component(part, patient_id, pseudonym) for part in parts)
        pattern = _boundary(patient_id[0], "(?<!{})") + re.escape(patient_id) + _boundary(patient_id[-1], "(?!{})")
        return re.sub(pattern, pseudonym, path_in_source, flags=re.IGNORECASE)


def load_salt(path: Path) -> bytes:
    """Return the salt: the variable THAW_SALT where it is set, else the file ``path``, made where it is missing.

    The same salt gives the same pseudonyms; whoever has it can recompute them, so the file is for its owner only
    (mode 0600) and belongs neither into Git nor into DVC.

    Raises:
        UserError: The salt is shorter than 16 characters, or the file can be neither read nor made.
    """
    told = os.environ.get(SALT_VARIABLE)
    if told is not None:
        if len(told.strip()) < SALT_MIN_CHARACTERS:
            raise UserError(f"{SALT_VARIABLE}: shorter than {SALT_MIN_CHARACTERS} characters; set a longer one or none")
        return os.fsencode(told.strip())
    try:
        if not path.exists():
            _make_salt(path)
        salt = path.read_bytes().strip()
    except OSError as error:
        advice = f"allow it, or set {SALT_VARIABLE}"
        raise UserError(f"{path}: the salt cannot be read or made ({error.strerror}); {advice}") from error
    if len(salt) < SALT_MIN_CHARACTERS:
        raise UserError(f"{path}: a salt shorter than {SALT_MIN_CHARACTERS} characters; restore the file, or delete it")
    return salt


def _make_salt(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # a link, unlike a rename, leaves the file alone that another process has made in the meantime
        Path(path).hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def _component(part: str, patient_id: str, pseudonym: str) -> str:
    suffix = PurePosixPath(part).suffix
    stem = part.removesuffix(suffix)
    if part.casefold() == patient_id.casefold():
        return pseudonym
    return pseudonym + suffix if stem.casefold() == patient_id.casefold() else part


def _boundary(character: str, look: str) -> str:
    """Return the part of a pattern that forbids more of the same kind beside ``character``."""
    if character.isdigit():
        return look.format(r"\d")
    return look.format(r"[^\W\d_]") if character.isalpha() else ""
