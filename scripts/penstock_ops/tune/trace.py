"""Real request lengths and arrival times, read from a trace in the Azure public dataset's format."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path

from penstock_ops.tune.faults import TuneFault

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True)
class TraceRow:
    """One request: seconds since the trace began, prompt and answer lengths in tokens."""

    at_s: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Trace:
    """Rows in the order of arrival, and a digest that names exactly these rows."""

    name: str
    rows: tuple[TraceRow, ...]

    @property
    def digest(self) -> str:
        text = ";".join(f"{r.at_s:.3f},{r.input_tokens},{r.output_tokens}" for r in self.rows)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def mean_input(self) -> float:
        return sum(r.input_tokens for r in self.rows) / len(self.rows)

    @property
    def mean_output(self) -> float:
        return sum(r.output_tokens for r in self.rows) / len(self.rows)

    def stretch(self, part: str) -> Trace:
        """The part 'FROM-TO' of the rows, in percent: '0-50' is the first half."""
        try:
            first, last = (float(edge) / 100 for edge in part.split("-"))
        except ValueError:
            raise TuneFault(f"a stretch is written FROM-TO in percent, like 0-50, not {part!r}") from None
        if not 0 <= first < last <= 1:
            raise TuneFault(f"the stretch {part} must rise from 0 to at most 100")
        rows = self.rows[int(first * len(self.rows)) : int(last * len(self.rows))]
        if not rows:
            raise TuneFault(f"the stretch {part} of {self.name} holds no row")
        return Trace(f"{self.name}[{part}%]", rows)

    def scaled(self, scale: float) -> Trace:
        """The same requests with every length times `scale` (at least one token)."""
        if scale == 1:
            return self
        if not 0 < scale <= 100:
            raise TuneFault(f"the scale of lengths must lie above 0 and at most at 100, not {scale}")
        rows = tuple(
            TraceRow(r.at_s, max(1, round(r.input_tokens * scale)), max(1, round(r.output_tokens * scale)))
            for r in self.rows
        )
        return Trace(f"{self.name}x{scale:g}", rows)

    def within(self, max_total_tokens: int | None) -> Trace:
        """Only the rows that an engine with this limit accepts."""
        if max_total_tokens is None:
            return self
        rows = tuple(r for r in self.rows if r.input_tokens + r.output_tokens <= max_total_tokens)
        if not rows:
            raise TuneFault(f"no request of {self.name} fits the engine's limit of {max_total_tokens} tokens")
        return self if len(rows) == len(self.rows) else Trace(f"{self.name}<={max_total_tokens}", rows)


def read_trace(path: Path | None) -> Trace:
    """The trace in `path`, or the sample that ships with the tuner; TuneFault when unusable."""
    if path is None:
        with as_file(files("penstock_ops.tune").joinpath("trace_sample.csv")) as sample:
            return _parse(sample, "azure-conv-sample")
    return _parse(path, path.name)


def _parse(path: Path, name: str) -> Trace:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    except OSError as error:
        raise TuneFault(f"cannot read the trace {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TuneFault(f"the trace {path} is not a text file") from None
    table = csv.DictReader(lines)
    if not set(COLUMNS) <= set(table.fieldnames or ()):
        raise TuneFault(f"the trace {path} needs the columns {', '.join(COLUMNS)}")
    rows: list[TraceRow] = []
    begin: datetime | None = None
    for number, row in enumerate(table, start=2):
        try:
            at = datetime.fromisoformat(row["TIMESTAMP"][:26])
            begin = begin or at
            rows.append(_row((at - begin).total_seconds(), row))
        except (ValueError, TypeError):
            raise TuneFault(f"row {number} of the trace {path} is not a time and two token counts") from None
    if not rows:
        raise TuneFault(f"the trace {path} holds no rows")
    return Trace(name, tuple(rows))


def _row(at_s: float, row: dict[str, str]) -> TraceRow:
    tokens = int(row["ContextTokens"]), int(row["GeneratedTokens"])
    if min(tokens) < 0:
        raise ValueError("negative token count")
    return TraceRow(at_s, max(1, tokens[0]), max(1, tokens[1]))


def balanced(trace: Trace, seed: int) -> Iterator[TraceRow]:
    """Rows without end, ordered so that every short run of them has the trace's mix of lengths.

    The rows are laid out in slabs by input length, each slab sorted by output length, and visited
    by the R2 low-discrepancy sequence (M. Roberts, 2018). A few dozen requests then stand for the
    whole trace far better than as many random ones: throughput stops depending on the luck of
    the draw, and two stages of a sweep can be compared.
    """
    side = max(1, round(len(trace.rows) ** 0.5))
    by_input = sorted(trace.rows, key=lambda r: (r.input_tokens, r.output_tokens, r.at_s))
    size = -(-len(by_input) // side)
    slabs = [
        sorted(by_input[i : i + size], key=lambda r: r.output_tokens) for i in range(0, len(by_input), size)
    ]
    shift = random.Random(seed)  # noqa: S311 (a reproducible workload, not a secret)
    x, y = shift.random(), shift.random()
    while True:
        x, y = (x + _R2_X) % 1, (y + _R2_Y) % 1
        slab = slabs[int(x * len(slabs))]
        yield slab[int(y * len(slab))]


#: 1/g and 1/g² of the plastic number g, the real root of g³ = g + 1.
_R2_X = 0.7548776662466927
_R2_Y = 0.5698402909980532
