"""What the OpenAI-compatible test server is told to do with a call: parsed from one line of text or JSON.

    [do:status code=429 retry_after=2 times=3]

The first word is the kind, the rest are `name=value` options (a value holds no spaces: `_` stands for one in
`retry_after`).

| kind | what the caller sees | billed |
| --- | --- | --- |
| answer | a completion; shaped by `size= finish= cached= reasoning= usage=no tool=`, see below | yes |
| status | HTTP `code=`, its body of `error=CODE type=TYPE` or `body=`; `retry_after= retry_after_ms=` | no |
| hold | the answer, but only after `POST /_release` | yes |
| hang | nothing, until the client goes | yes |
| drip | a good answer at one byte per second | yes |
| malformed | 200 with what is no JSON | yes |
| garbage | 200 with JSON that is no completion | yes |
| truncated | 200, a Content-Length, half the body, end of connection | yes |
| reset | a TCP reset before any byte of the answer | yes |
| disconnect | an orderly close before any byte of the answer | yes |
| error_body | 200 with an error object, `error=CODE` | no |
| empty | 200, `choices: []` | yes |
| huge | 200 with `size=BYTES` (50 MB when not said) of a well-formed completion, streamed | yes |
| endless | 200 and text that never ends, as fast as it is read | yes |
| filter | 200, `finish_reason: content_filter` | yes |
| refusal | 200, a `refusal` instead of content | yes |
| policy | 400 with code `content_policy_violation` | no |
| raw | the bytes that the server's `raw` has under `name=`, as they are, and an end of the connection | yes |

`size=BYTES` of text, `finish=length`, `cached=N` and `reasoning=N` tokens in the usage, `usage=no` for none,
`tool=NAME` for a tool call instead of text, `says=TEXT` for that text, `likely=P` of each of its words where
that is asked, `encoding=gzip` to compress the reply
unasked (any other name is only claimed).

Options of every kind: `times=N` (the first N calls for one prompt id, then `answer`) and `latency=SECONDS`.
`retry_after` is sent as it stands; `date+N` becomes an HTTP date N seconds from now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = frozenset(
    (
        *("answer", "status", "hold", "hang", "drip", "malformed", "garbage", "truncated", "reset"),
        *("disconnect", "error_body", "empty", "huge", "endless", "filter", "refusal", "policy", "raw"),
    )
)
#: The provider bills nothing for these: it did no work.
UNBILLED = frozenset({"status", "error_body", "policy"})
DIRECTIVE = re.compile(r"\[do:([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One instruction. `options` are the words after the kind, as text."""

    kind: str = "answer"
    times: int | None = None
    latency_s: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def billed(self) -> bool:
        return self.kind not in UNBILLED

    def number(self, name: str, default: int) -> int:
        return int(self.options.get(name, default))

    @classmethod
    def parse(cls, value: str | Mapping[str, Any]) -> Behaviour:
        """From `kind name=value …` or from `{"kind": …, "name": value, …}`. Raises ValueError."""
        if isinstance(value, str):
            kind, *words = value.split()
            options = dict(word.split("=", 1) for word in words)
            if "retry_after" in options:
                options["retry_after"] = options["retry_after"].replace("_", " ")
        else:
            options = {str(name): str(text) for name, text in value.items()}
            kind = options.pop("kind")
        if kind not in KINDS:
            raise ValueError(f"no such behaviour: {kind}; there are {', '.join(sorted(KINDS))}")
        times, latency = options.pop("times", None), options.pop("latency", None)
        return cls(
            kind=kind,
            times=None if times is None else int(times),
            latency_s=None if latency is None else float(latency),
            options=options,
        )


def directive_in(text: str) -> Behaviour | None:
    """The first `[do:…]` in a prompt, if there is one."""
    found = DIRECTIVE.search(text)
    return Behaviour.parse(found.group(1)) if found else None
