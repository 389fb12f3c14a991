"""What goes wrong with a drain's files."""

from __future__ import annotations


class ShelfError(Exception):
    """The folder or bucket did not do what it was asked; the message names no content."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotThere(ShelfError):
    """There is no such file."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no file {name}.", 404)
