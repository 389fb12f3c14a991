"""A proxy for HTTPS that leads every name to one server of ours: how an address of the internet's is tested.

    with ConnectProxy(port) as proxy:
        …HTTPS_PROXY=proxy.url…

The client speaks TLS to whoever is behind it, and checks that name's certificate. `asked` are the names.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class ConnectProxy:
    """Up from `with` on; each connection in threads of its own."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self._port = port

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listening.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(4096)):
                    return
                head += data
            self.asked.append(head.split()[1].decode())
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pipe, args=(server, client), daemon=True)
                back.start()
                _pipe(client, server)
                back.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    # Also after a reset, or whoever is behind waits for the rest for ever.
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
