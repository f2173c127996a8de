"""Kaggle's client against a server on this machine that speaks as much of Kaggle's API as it needs."""

from __future__ import annotations

import importlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thaw.errors import UserError
from thaw.fetch.kaggle import fetch_kaggle

HANDLE = "paultimothymooney/chest-xray-pneumonia"
SERVICE = "/v1/datasets.DatasetApiService/"


class Kaggle(ThreadingHTTPServer):
    """Answers GetDataset with a version, DownloadDataset with a redirect to the archive."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: dict[str, int] = {}
        self.archive = packed({"chest_xray/train/NORMAL/a.jpeg": b"picture"})
        self.seen: list[tuple[str, dict[str, object]]] = []
        self.logins: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Kaggle

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.path.removeprefix(SERVICE)
        self.server.seen.append((call, request))
        self.server.logins.append(self.headers.get("Authorization"))
        status = self.server.statuses.get(call, 200)
        if status != 200:
            self.answer(status, json.dumps({"code": status, "message": "Kaggle's own words"}).encode())
        elif call == "DownloadDataset":
            self.answer(302, b"", Location="/archive.zip")
        else:
            self.answer(200, b'{"currentVersionNumber": 2}')

    def do_GET(self) -> None:
        self.answer(200, self.server.archive, Content_Type="application/zip")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """Lead kagglehub, which knows no login here, to the server."""
    pytest.importorskip("kagglehub")
    environment = pytest.importorskip("kagglesdk.kaggle_env")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home/.kaggle"))
    for name in ("API_TOKEN", "USERNAME", "KEY", "API_ENVIRONMENT", "KERNEL_RUN_TYPE"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    with Kaggle() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        # KAGGLE_API_ENVIRONMENT chooses among fixed ports only
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, url)
        yield server
        server.shutdown()


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_dataset_is_unpacked_once(kaggle: Kaggle, tmp_path: Path) -> None:
    folder = tmp_path / "raw/pneumonia"
    assert fetch_kaggle(HANDLE, folder) == folder
    assert files(folder)["chest_xray/train/NORMAL/a.jpeg"] == b"picture"
    assert [name for name in files(folder) if not name.startswith(".")] == ["chest_xray/train/NORMAL/a.jpeg"]
    assert list((tmp_path / "raw").iterdir()) == [folder]
    assert [call for call, _ in kaggle.seen] == ["GetDataset", "DownloadDataset"]
    assert kaggle.seen[1][1]["datasetVersionNumber"] == 2

    assert fetch_kaggle(HANDLE, folder) == folder
    assert len(kaggle.seen) == 2


def test_a_version_may_be_named(kaggle: Kaggle, tmp_path: Path) -> None:
    fetch_kaggle(f"{HANDLE}/versions/1", tmp_path / "set")
    ((call, request),) = kaggle.seen
    assert call == "DownloadDataset"
    assert request["datasetVersionNumber"] == 1


def test_another_dataset_takes_the_place_of_the_first(kaggle: Kaggle, tmp_path: Path) -> None:
    fetch_kaggle(HANDLE, tmp_path / "set")
    kaggle.archive = packed({"b.png": b"other"})
    fetch_kaggle("owner/other", tmp_path / "set")
    assert [name for name in files(tmp_path / "set") if not name.startswith(".")] == ["b.png"]


def test_a_login_is_used(kaggle: Kaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret")
    fetch_kaggle(HANDLE, tmp_path / "set")
    assert kaggle.logins == ["Bearer secret"] * 2


@pytest.mark.parametrize("call", ["GetDataset", "DownloadDataset"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"KAGGLE_API_TOKEN.*~/\.kaggle/kaggle\.json.*kagglehub\.login\(\).*terms.*browser"),
        (403, r"KAGGLE_API_TOKEN.*~/\.kaggle/kaggle\.json.*kagglehub\.login\(\).*terms.*browser"),
        (404, "no such dataset"),
        (500, "Kaggle's own words.*dataset.path"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(
    kaggle: Kaggle, tmp_path: Path, call: str, status: int, said: str
) -> None:
    kaggle.statuses[call] = status
    with pytest.raises(UserError, match=said) as caught:
        fetch_kaggle(HANDLE, tmp_path / "raw/set")
    assert str(caught.value).startswith(f"kaggle:{HANDLE}: ")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "raw").iterdir()) == []


@pytest.mark.parametrize("archive", [b"<html>no archive</html>", b"PK\x03\x04 a zip that ends early"])
def test_a_damaged_archive_is_one_line_and_leaves_nothing(kaggle: Kaggle, tmp_path: Path, archive: bytes) -> None:
    kaggle.archive = archive
    with pytest.raises(UserError, match=f"kaggle:{HANDLE}: what comes is no archive"):
        fetch_kaggle(HANDLE, tmp_path / "raw/set")
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_damaged_login_file_is_named(kaggle: Kaggle, tmp_path: Path) -> None:
    (tmp_path / "home/.kaggle").mkdir(parents=True)
    (tmp_path / "home/.kaggle/kaggle.json").write_text("{")
    with pytest.raises(UserError, match=r"kaggle\.json; get another one"):
        fetch_kaggle(HANDLE, tmp_path / "set")


def test_no_connection_is_one_line(kaggle: Kaggle, tmp_path: Path) -> None:
    kaggle.shutdown()
    kaggle.server_close()
    with pytest.raises(UserError, match=r"cannot be fetched \(.*refused"):
        fetch_kaggle(HANDLE, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_folder_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.png").touch()
    with pytest.raises(UserError, match="not fetched from Kaggle"):
        fetch_kaggle(HANDLE, tmp_path)
    assert (tmp_path / "mine.png").exists()


def test_without_the_extra_the_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"pip install 'thaw\[kaggle\]'"):
        fetch_kaggle(HANDLE, tmp_path / "set")


@pytest.mark.parametrize("handle", ["", "owner", "owner/", "owner/set/versions/0", "../../etc", "a/b/c", "owner/set\n"])
def test_what_is_no_handle_is_told(tmp_path: Path, handle: str) -> None:
    with pytest.raises(UserError, match="not a dataset; allowed: <owner>/<dataset>"):
        fetch_kaggle(handle, tmp_path / "set")
