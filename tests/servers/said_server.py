"""An OpenAI-compatible server that says what it was told to say: for answers whose every byte matters.

    with SaidServer({"capital": "Paris\x1b[31m"}) as server:
        …                       # a prompt that begins with `@capital` is answered with that text
        server.asked            # the prompts, in order

A prompt that names none of them is answered `ok`; one that begins with `@hang` not before the end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class SaidServer:
    """On a free port of 127.0.0.1, in threads of its own. Use it as a context manager."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._end = threading.Event()
        self.asked: list[str] = []
        said = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                data = json.dumps(said._answer(body["messages"][-1]["content"])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, prompt: str) -> dict[str, Any]:
        self.asked.append(prompt)
        word = prompt.split()[0].removeprefix("@")
        if word == "hang":
            self._end.wait()
        message = {"role": "assistant", "content": self._texts.get(word, "ok")}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "said-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
        }
