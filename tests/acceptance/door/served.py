"""The door as `penstock dev` serves it: real sockets, the local stack, the offline provider."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.penstock_command import Operator

#: The models that OpenAI's own tests and this folder's ask; none is one.
MODELS = ("gpt-6-astra", "gpt-5.4", "other")


class Events:
    """What the stack says of itself, as `penstock dev --json` prints it; read as it comes."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._seen: list[Mapping[str, Any]] = []
        self._came = threading.Condition()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def wait_for(self, action: str, within_s: float = 60, **fields: Any) -> None:
        """Until it has said `action`, with these `fields`."""

        def there() -> bool:
            wanted = {"action": action, **fields}.items()
            return any(wanted <= event.items() for event in self._seen)

        with self._came:
            assert self._came.wait_for(there, within_s), (action, fields)

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            event = json.loads(line)
            plain = {name: value for name, value in event.items() if isinstance(value, str | int | float)}
            with self._came:
                self._seen.append(plain)
                self._came.notify_all()


@dataclass(frozen=True, slots=True)
class Served:
    """`client` is what dev tells to export for a client of OpenAI's API."""

    shell: Operator
    folder: Path
    client: Mapping[str, str]
    events: Events

    @property
    def url(self) -> str:
        return self.client["OPENAI_BASE_URL"]

    @property
    def key(self) -> str:
        return self.client["OPENAI_API_KEY"]

    def new_key(self, *words: str) -> str:
        """Another key, as `penstock key create WORDS…` makes it."""
        key: str = self.shell.run("key", "create", "--json", *words).json["key"]
        return key

    def log(self) -> str:
        """Everything that the stack has said."""
        return (self.folder / "logs" / "stack.log").read_text()


@contextlib.contextmanager
def served(folder: Path, **env: str) -> Iterator[Served]:
    """`penstock dev` with the door."""
    shell = Operator.at(folder, PENSTOCK_ROUTES=json.dumps(_routes()), PENSTOCK_RUNS_TOPIC="llm-runs", **env)
    with shell.dev() as dev:
        yield Served(shell, folder, dev.ready["client"], Events(dev.out))


def _routes() -> dict[str, Any]:
    targets = {name: [{"name": f"at-{name}", "provider": "offline", "model": "offline"}] for name in MODELS}
    return {"default": MODELS[0], "routes": {name: {"targets": found} for name, found in targets.items()}}
