"""The port of a runner: whoever works a file of requests off, hours later if need be.

It must fit providers that know no metadata and show nothing before the end (docs/lanes.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from penstock.messages.completion import Completion
from penstock.messages.request import Request


class Problem(StrEnum):
    """Why a job failed before its first line."""

    #: More is under way at the provider than it allows us.
    ALLOWANCE = "allowance"
    #: Lines of the file are wrong, and it says which.
    LINES = "lines"
    #: Anything else.
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Job:
    """A batch as its provider tells of it. `file`: what it works off; `mark`: what we wrote on it.

    `ended`: nothing more is worked on. `settled`: all files that it will ever have are there. `answers` and
    `errors` are files. `bad_lines`: numbers from 0, of Problem.LINES. `told`: fit for a log.
    """

    name: str
    created_at: datetime
    file: str = ""
    mark: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False
    settled: bool = False
    answers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    problem: Problem | None = None
    bad_lines: tuple[int, ...] = ()
    told: str = ""


class Runner(Protocol):
    """Every call is one try, ends within `timeout_s` seconds, and raises ProviderFailure and nothing else."""

    @property
    def by_line(self) -> bool:
        """Lines are what is paid; False: a machine's time, and neither a line that is missing nor a start
        whose answer was lost costs a request anything."""
        ...

    def line(self, name: str, request: Request) -> bytes:
        """The line of a file that asks `request`, without its end."""
        ...

    def read_line(self, data: bytes) -> tuple[str, Any] | None:
        """The name of the line that `data` answers, and what it says; None for what is no such line."""
        ...

    def completion(self, said: Any, request: Request) -> Completion:
        """What a line says, as an answer. Raises ProviderFailure."""
        ...

    async def upload(
        self, name: str, lines: AsyncIterator[bytes], *, expires_s: float, timeout_s: float
    ) -> str:
        """Put the lines where a job finds them; the file's name there. Nothing is paid."""
        ...

    async def create(self, file: str, mark: Mapping[str, str], *, window_s: int, timeout_s: float) -> Job:
        """Begin to work `file` off. An ambiguous failure: it may have begun."""
        ...

    async def job(self, name: str, *, timeout_s: float) -> Job:
        """A failure of status 404: there is none of that name for our key."""
        ...

    async def since(self, when: datetime, *, timeout_s: float) -> list[Job]:
        """All jobs that were created after `when`, as far as the provider lists them by now."""
        ...

    async def cancel(self, name: str, *, timeout_s: float) -> None:
        """Ask that no further line be begun; of a job that has ended nothing happens."""
        ...

    def fetch(self, file: str, *, timeout_s: float) -> AsyncIterator[bytes]:
        """The bytes of a file, in pieces. `timeout_s` bounds each. Status 404: it is not there any more."""
        ...

    async def delete(self, file: str, *, timeout_s: float) -> None: ...

    async def reload_key(self) -> bool: ...

    async def close(self) -> None: ...
