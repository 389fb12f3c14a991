"""The console as `penstock dev` serves it."""

from __future__ import annotations

import http.client
import sys
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from subprocess import run
from urllib.parse import urlsplit

import pytest

from tests.acceptance.penstock_command import Operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def _get(address: str, path: str, method: str = "GET", **headers: str) -> Answer:
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def test_dev_serves_it(tmp_path: Path) -> None:
    """Given a request that was answered. I expect its life where dev says, and only for this machine."""
    shell = Operator.at(tmp_path / "penstock")
    with shell.dev() as dev:
        address = dev.ready["urls"]["console"]
        assert shell.run("publish", "--wait", "--id", "mine", "Why?").code == 0
        life = _get(address, "/request/default/mine")
        policy = life.headers["content-security-policy"]
        assert life.status == 200
        assert b"result: completed" in life.body
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        for asset in ("console.css", "console.js"):
            assert _get(address, f"/static/{asset}").status == 200
        assert _get(address, "/", Host="evil.example").status == 421
        assert _get(address, "/", "PUT").status == 405
        assert _get(address, "/letters/redrive", "POST").status == 403
        assert _get(address, "/", "HEAD").body == b""
        assert b"mine" in _get(address, "/find?target=offline").body


def test_the_functions_load_nothing_of_it() -> None:
    stories = "penstock.bootstrap, penstock.requests.handle, penstock.requests.respond, penstock.sweep"
    program = f"import sys, {stories}; print(*sys.modules)"
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"penstock.console", "jinja2"} & set(done.stdout.split())
