"""The master secret of a system on this machine: a file beside its data, made when it is first needed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from penstock.errors import SecretUnavailable


class LocalSecret:
    """The Secret port on the file `path`, which nobody else may read. Whoever comes first makes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"LocalSecret({str(self._path)!r})"

    async def value(self) -> str:
        try:
            return self._read() or self._made()
        except OSError as error:
            raise SecretUnavailable(f"{self._path} cannot be read or made ({error.strerror}).") from None

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def _made(self) -> str:
        """Written aside and linked, so that of two that begin together both get the same."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(aside, self._path)
        except FileExistsError:
            pass  # somebody was faster
        finally:
            aside.unlink()
        return self._read()
