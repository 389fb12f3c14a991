"""A plugin for openai-python's own tests, which are made for a mock that knows every id.

Given to their pytest by `-p`. Before each test it makes the things that the test asks for by name, through
the door; what is changed of the tests is the key alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from penstock.bootstrap import build
from penstock.paths import client_batch_path, file_path, run_path
from penstock.ports import Put
from penstock.settings import read_settings

#: Sent to make what a test looks for: by the name that it looks for.
RESPONSE_ID = "resp_677efb5139a88190b512bc3fef8e535d"
UPLOAD_ID = "upload_abc123"
COMPLETION_ID = "completion_id"
RESPONSE = {"model": "gpt-6-astra", "input": "Say it."}
LINE = {"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": RESPONSE}
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + json.dumps(LINE).encode()
    + b"\r\n--b--\r\n"
)


def pytest_collection_finish(session: pytest.Session) -> None:
    sys.modules["tests.conftest"].api_key = os.environ["TEST_API_KEY"]  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for file, make in _MADE.items():
        if file in str(item.path):
            make()


def _response() -> None:
    """A response under the id that the tests name: the test before may have deleted it."""
    if _call("GET", f"/responses/{RESPONSE_ID}") == 404:
        _told("POST", "/responses", RESPONSE, {"Idempotency-Key": RESPONSE_ID})


def _completion() -> None:
    """A chat completion under the id that the tests name: the test before may have deleted it."""
    if _call("GET", f"/chat/completions/{COMPLETION_ID}") == 404:
        asked = {"model": "gpt-5.4", "messages": [{"role": "user", "content": "Say it."}]}
        _told("POST", "/chat/completions", asked, {"Idempotency-Key": COMPLETION_ID})


def _file() -> None:
    """A file under the id that its tests name, and the batches' own."""
    for name in ("file_id", "input_file_id"):
        if _call("GET", f"/files/{name}") == 404:
            sent = _told("POST", "/files", FORM, {"Content-Type": "multipart/form-data; boundary=b"})
            asyncio.run(_under(file_path("default", sent["id"]), file_path("default", name), file_id=name))


def _upload() -> None:
    """An upload under the id that the tests name: the test before may have ended it."""
    asked = {"filename": "f", "purpose": "batch", "bytes": 1, "mime_type": "text/plain"}
    made = _told("POST", "/uploads", asked)["id"]
    asyncio.run(_under(file_path("default", made), file_path("default", UPLOAD_ID), upload_id=UPLOAD_ID))


def _batch() -> None:
    """The batch that was made for them, under the id that its tests name, with its run."""
    _file()
    if _call("GET", "/batches/batch_id") == 404:
        made, name = os.environ["TEST_BATCH"], "batch_id"
        asyncio.run(
            _under(client_batch_path("default", made), client_batch_path("default", name), batch_id=name)
        )
        asyncio.run(_under(run_path("default", made), run_path("default", name), run_id=name))


_MADE = {
    "test_uploads.py": _upload,
    "uploads/test_parts.py": _upload,
    "chat/test_completions.py": _completion,
    "test_responses.py": _response,
    "test_files.py": _file,
    "test_batches.py": _batch,
}


async def _under(path: str, other: str, **named: str) -> None:
    """The same document under another name: ids are the door's to give, and not the client's."""
    s = build(read_settings({"PENSTOCK_LOCAL": os.environ["TEST_DOOR_FOLDER"]}))
    [found] = await s.store.read([path], timeout_s=10)
    await s.store.commit([Put(other, {**(found.fields or {}), **named})], timeout_s=10)
    await s.close()


def _call(method: str, path: str) -> int:
    """The status."""
    try:
        _told(method, path)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def _told(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """What is answered, as JSON; `body`: bytes as they are, everything else as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {os.environ['TEST_API_KEY']}", **(headers or {})}
    url = os.environ["TEST_API_BASE_URL"] + path
    request = urllib.request.Request(url, method=method, data=data, headers=sent)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)
