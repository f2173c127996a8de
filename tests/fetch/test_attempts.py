"""Servers that refuse, that are busy and that lead elsewhere: what is tried again, when, what is said."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from thaw.errors import UserError
from thaw.fetch import RemoteFile, fetch_all
from thaw.fetch.http import RefusedError, open_session
from thaw.fetch.retry import asked_pause_s, pause_s

if TYPE_CHECKING:
    from tests.fetch.conftest import FileServer


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(401, "login"), (403, "refuses"), (404, "no such file"), (410, "for good"), (400, "Bad Request")],
)
def test_a_refusal_ends_at_once(server: FileServer, tmp_path: Path, status: int, meaning: str) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(status)]
    with pytest.raises(UserError) as caught:
        fetch_all([file], tmp_path, sleep=pytest.fail)
    assert re.fullmatch(
        rf"{file.url}: HTTP {status}: [^\n]*{meaning}[^\n]*; fetch it .* dataset\.path", str(caught.value)
    )
    assert len(server.seen) == 1
    assert left(tmp_path) == []


def test_the_advice_is_the_callers(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(404)]
    with pytest.raises(UserError, match=r"perhaps not any more; ask Anna$"):
        fetch_all([file], tmp_path, advice="ask Anna")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(server: FileServer, tmp_path: Path, status: int) -> None:
    file, slept = server.file(), list[float]()
    server.plans["/a.bin"] = [server.say(status)] * 5
    (path,) = fetch_all([file], tmp_path, sleep=slept.append)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert len(slept) == 5
    for seconds, longest in zip(slept, [2, 4, 8, 16, 32], strict=True):
        assert longest / 2 <= seconds <= longest


def test_six_attempts_in_vain_are_enough(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(503)] * 9
    with pytest.raises(
        UserError, match=rf"^{file.url}: 6 attempts in vain, the last one: HTTP 503 Service Unavailable; "
    ):
        fetch_all([file], tmp_path, sleep=lambda _: None)
    assert len(server.seen) == 6


def test_attempts_are_counted_anew_when_bytes_came(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.plans["/a.bin"] = [*[server.say(500)] * 5, server.end_after(10), *[server.say(500)] * 5]
    (path,) = fetch_all([file], tmp_path, sleep=lambda _: None)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert len(server.seen) == 12


def test_bytes_that_came_before_do_not_count_as_new(server: FileServer, tmp_path: Path) -> None:
    file = server.file()

    def start_over(handler: object) -> None:
        del handler.headers["Range"]  # type: ignore[attr-defined]
        server.end_after(1000)(handler)  # type: ignore[arg-type]

    server.plans["/a.bin"] = [start_over] * 20
    with pytest.raises(UserError, match="1,000 bytes that came are kept and the next run goes on from there"):
        fetch_all([file], tmp_path, sleep=lambda _: None)
    assert len(server.seen) == 7
    assert left(tmp_path) == [".a.bin.part", ".a.bin.part.json"]


def test_one_failure_stops_the_others_and_keeps_their_parts(server: FileServer, tmp_path: Path) -> None:
    good, bad = server.file("/good.bin"), server.file("/bad.bin")
    server.plans["/good.bin"] = [server.hang_after(65_536, lambda: None)]

    def refuse_later(handler: object) -> None:
        server.released.wait(0.1)
        server.say(404)(handler)  # type: ignore[arg-type]

    server.plans["/bad.bin"] = [refuse_later]
    with pytest.raises(UserError, match=r"bad\.bin: HTTP 404"):
        fetch_all([good, bad], tmp_path)
    assert left(tmp_path) == [".good.bin.part", ".good.bin.part.json"]


def test_the_pause_that_a_server_asks_for_is_kept_and_said(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, slept = server.file(), list[float]()
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.plans["/a.bin"] = [
        server.say(429, Retry_After="7"),
        server.say(503, Retry_After=later),
        server.say(429, Retry_After="86400"),
    ]
    fetch_all([file], tmp_path, sleep=slept.append)
    assert slept[0] == 7
    assert 90 <= slept[1] <= 100
    assert slept[2] == 300
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"note: 127.0.0.1:{server.server_port}: HTTP 429 Too Many Requests; a.bin goes on in 7 s"
    assert len(said) == 3


def test_short_pauses_are_not_said(server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(500)]
    fetch_all([file], tmp_path, sleep=lambda _: None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5e3", "Mon, 02 Jan 2023 03:04:05 GMT"])
def test_a_retry_after_that_says_nothing_is_no_pause(text: str | None) -> None:
    assert asked_pause_s(text) == 0


def test_a_pause_is_never_shorter_than_ours_nor_endless() -> None:
    assert pause_s(1, 0) >= 1
    assert pause_s(6, 1) >= 30
    assert pause_s(60, 0) <= 60
    assert pause_s(1, 1e9) == 300


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:1/a", "Connection refused"), ("http://host.invalid/a", "host.invalid|[Nn]ame|resolution")],
)
def test_no_connection_is_tried_again_and_named(tmp_path: Path, url: str, reason: str) -> None:
    slept = list[float]()
    file = RemoteFile(url, "a", "sha256:00000000", 1)
    with pytest.raises(UserError, match=f"{url}: 6 attempts in vain, the last one: .*({reason})") as caught:
        fetch_all([file], tmp_path, sleep=slept.append)
    assert len(slept) == 5
    assert "kept" not in str(caught.value)


def test_a_silent_server_is_left(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thaw.fetch.http.TIMEOUT_S", (1, 0.1))
    file, reasons = server.file(), list[float]()
    server.plans["/a.bin"] = [server.hang_after(65_536, lambda: None)]
    (path,) = fetch_all([file], tmp_path, sleep=reasons.append)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert server.ranges() == [None, "bytes=65536-"]


def test_redirects_are_followed_with_the_range(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.contents["/moved"] = server.contents["/a.bin"]
    server.plans["/a.bin"] = [server.say(302, Location="/moved")] * 2
    server.plans["/moved"] = [server.end_after(1000)]
    (path,) = fetch_all([file], tmp_path, sleep=lambda _: None)
    assert path.read_bytes() == server.contents["/a.bin"]
    assert [path for path, _ in server.seen] == ["/a.bin", "/moved"] * 2
    assert server.ranges() == [None, None, "bytes=1000-", "bytes=1000-"]


def test_redirects_in_a_circle_end(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(302, Location="/a.bin")] * 40
    with pytest.raises(UserError, match="redirects"):
        fetch_all([file], tmp_path, sleep=pytest.fail)


@pytest.mark.parametrize("target", ["http://other/a", "HTTP://other/a"])
def test_no_redirect_leads_from_https_to_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str) -> None:
    asked = []

    def redirect(_: object, request: requests.PreparedRequest, **__: object) -> requests.Response:
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request = 302, request.url or "", request
        response.headers["Location"] = target
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirect)
    with pytest.raises(UserError, match=r"leads from https to (http|HTTP)://other/a, which is not protected"):
        fetch_all([RemoteFile("https://host/a", "a", "sha256:00000000", 1)], tmp_path, sleep=pytest.fail)
    assert asked == ["https://host/a"]


def test_https_may_lead_to_https() -> None:
    response = requests.Response()
    response.status_code, response.url = 302, "https://host/a"
    with open_session() as session:
        for target in ("https://other/b", "/b", "b", "//other/b"):
            response.headers["Location"] = target
            assert session.get_redirect_target(response) == target
        response.headers["Location"] = "http:/b"
        with pytest.raises(RefusedError):
            session.get_redirect_target(response)


def test_attempts_take_no_time_of_their_own(server: FileServer, tmp_path: Path) -> None:
    file = server.file()
    server.plans["/a.bin"] = [server.say(500)] * 3
    start_s = time.monotonic()
    fetch_all([file], tmp_path, sleep=lambda _: None)
    assert time.monotonic() - start_s < 2
