"""Downloads: resumed where they broke, tried again where that can help, and checked before they count."""

from __future__ import annotations

from thaw.fetch.download import fetch_all
from thaw.fetch.remote import RemoteFile

__all__ = ["RemoteFile", "fetch_all"]
