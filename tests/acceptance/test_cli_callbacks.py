"""`penstock endpoint` and `penstock callback` at a shell: real processes, one stack, a real receiver."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from tests.acceptance.penstock_command import Operator, eventually

pytestmark = pytest.mark.slow


class Receiver:
    """What a client runs: it keeps what arrives, and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.arrived.append(({name.lower(): text for name, text in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?token=secret-path"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with made.up():
        yield made


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("callbacks") / "penstock"
    topics = {"PENSTOCK_CALLBACKS_TOPIC": "llm-callbacks", "PENSTOCK_RUNS_TOPIC": "llm-runs"}
    operator = Operator.at(folder, **topics)
    with operator.dev():
        yield operator


@pytest.mark.timeout(300)
def test_from_an_endpoint_to_what_it_is_told(operator: Operator, receiver: Receiver, tmp_path: Path) -> None:
    added = operator.run("endpoint", "add", "crm", receiver.url, "--json")
    assert (added.code, added.json["version"]) == (0, 1)
    webhook = Webhook(added.json["key"])

    tried = operator.run("endpoint", "test", "crm", "--json")
    assert (tried.code, tried.json["state"]) == (0, "delivered")
    [(headers, body)] = receiver.arrived
    assert webhook.verify(body, headers)["type"] == "endpoint.test"

    (tmp_path / "ask.json").write_text(
        json.dumps({"prompt": "Why?", "request_id": "r1", "callback": {"endpoint": "crm"}})
    )
    asked = operator.run("publish", "--file", str(tmp_path / "ask.json"), "--wait", "--json")
    assert asked.code == 0
    assert eventually(lambda: len(receiver.arrived) == 2)
    headers, body = receiver.arrived[1]
    told = webhook.verify(body, headers)
    assert (told["type"], told["data"]["request_id"]) == ("request.completed", "r1")
    assert told["data"] == operator.run("get", "r1", "--json").json

    rotated = operator.run("endpoint", "add", "crm", receiver.url, "--rotate", "--json").json
    assert eventually(lambda: _state(operator, "r1") == "delivered")
    again = operator.run("callback", "replay", _id(operator, "r1"), "--json")
    assert (again.code, len(again.json["replayed"])) == (0, 1)
    assert eventually(lambda: len(receiver.arrived) == 3)
    later, body = receiver.arrived[2]
    assert later["webhook-id"] == headers["webhook-id"]
    for key in (added.json["key"], rotated["key"]):
        assert Webhook(key).verify(body, later)


def _callbacks(operator: Operator, name: str) -> list[dict[str, object]]:
    lines = operator.run("callback", "list", "--endpoint", "crm", "--json").lines
    return [line for line in lines if line["about"]["name"] == name]


def _state(operator: Operator, name: str) -> object:
    return next((one["state"] for one in _callbacks(operator, name)), None)


def _id(operator: Operator, name: str) -> str:
    [one] = _callbacks(operator, name)
    return str(one["callback_id"])


@pytest.mark.timeout(300)
def test_an_endpoint_that_wants_no_more_is_switched_off_and_on_again(
    operator: Operator, receiver: Receiver
) -> None:
    operator.run("endpoint", "add", "crm", receiver.url)
    receiver.status = 410
    tried = operator.run("endpoint", "test", "crm")
    assert (tried.code, "It answered 410." in tried.out) == (1, True)
    [line] = operator.run("endpoint", "list", "--json").lines
    assert line["off_why"] == "It answered 410: it wants no more."
    refused = operator.run("endpoint", "test", "crm")
    assert (refused.code, "switched off" in refused.err) == (1, True)
    receiver.status = 200
    assert operator.run("endpoint", "enable", "crm").code == 0
    assert operator.run("endpoint", "test", "crm").code == 0
    log = (Path(operator.env["PENSTOCK_LOCAL"]) / "logs" / "stack.log").read_text()
    assert "endpoint.switched_off" in log
    assert "secret-path" not in log
    assert "whsec_" not in log


def test_an_endpoint_that_is_not_there_is_said_to_be_missing(operator: Operator) -> None:
    missing = operator.run("endpoint", "enable", "nobody")
    assert (missing.code, "has no endpoint nobody" in missing.err) == (1, True)
    missing = operator.run("callback", "replay", "0a1b")
    assert (missing.code, "has no callback 0a1b" in missing.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("endpoint", "add", "crm", "https://169.254.169.254/"), "no IP address"),
        (("endpoint", "add", "crm", "http://crm.example.com/"), "https on port 443"),
        (("endpoint", "add", "CRM", "https://crm.example.com/"), "1 to 63 characters"),
        (("endpoint", "list", "--tenant", "a/b"), "--tenant must be"),
        (("callback", "replay"), "--undeliverable"),
        (("callback", "list", "--state", "lost"), "--state must be one of"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    operator: Operator, words: tuple[str, ...], says: str
) -> None:
    done = operator.run(*words)
    assert (done.code, says in done.err, done.out) == (2, True, "")


def test_without_callbacks_a_verb_says_how_to_switch_them_on(operator: Operator) -> None:
    done = operator.but(PENSTOCK_CALLBACKS_TOPIC=None).run("endpoint", "list")
    assert (done.code, "PENSTOCK_CALLBACKS_TOPIC=llm-callbacks" in done.err) == (1, True)
