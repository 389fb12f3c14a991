"""What this release writes, the one before can read: while a deploy goes through, both work on one store.

tests/data/earlier/functions-0.1.0.zip is that release's code as it was deployed. In a process of its own it
reads every document as it lay after every write of every path of the matrix.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.ports import REMOVE, ServerTime, Transform
from penstock.requests.lifecycle import seen
from penstock.requests.record import Record
from penstock.timing import Timing
from tests.chaos.adapters import Written
from tests.chaos.matrix import BATCH_PATHS, EVERY_PATH, KEPT_PATHS, LANE_MONEY_PATHS, PATHS, steps

_EARLIER = Path(__file__).parents[1] / "data" / "earlier" / "functions-0.1.0.zip"

#: What the earlier release makes of documents, cache documents and results.
_READER = """
import pickle, sys
from penstock.messages.record import Record
from penstock.messages.result import decode_response
from penstock.rules.flight import CacheEntry
from penstock.rules.lifecycle import seen
from penstock.rules.timing import Timing

documents, answers, results, read_at = pickle.load(sys.stdin.buffer)
records = [Record.decode(document) for document in documents]
entries = [CacheEntry.decode(answer) for answer in answers]
told = [decode_response(data) for data in results]
pickle.dump(
    {
        "seen": [seen(record, read_at, Timing()).value for record in records],
        "kept": [record.encode() == {k: v for k, v in document.items() if k in Record._fields}
                 for record, document in zip(records, documents)],
        "answers": [entry.answer is not None for entry in entries],
        "results": [(one.tenant, one.request_id, one.redrive_count) for one in told],
    },
    sys.stdout.buffer,
)
"""

#: Whether the earlier release can read each document.
_REFUSER = """
import pickle, sys
from penstock.errors import BadMessage
from penstock.messages.record import Record

def read(document):
    try:
        Record.decode(document)
    except BadMessage:
        return False
    return True

[documents] = pickle.load(sys.stdin.buffer)
pickle.dump({"read": [read(document) for document in documents]}, sys.stdout.buffer)
"""

_NOW = datetime.now(UTC)


def _as_they_lay(written: Sequence[Written]) -> Iterator[dict[str, Any]]:
    """Every document after every write to it."""
    documents: dict[str, dict[str, Any]] = {}
    for write in written:
        document = documents.setdefault(write.path, {})
        document.update(write.fields)
        for name in [name for name, value in document.items() if value is REMOVE]:
            del document[name]
        # Of what the store works out itself a record has times alone.
        document.update({name: _NOW for name, value in document.items() if isinstance(value, ServerTime)})
        assert not any(isinstance(value, Transform) for value in document.values())
        yield dict(document)


def _earlier(*given: object, by: str = _READER) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", by],
        input=pickle.dumps(given), capture_output=True, env={"PYTHONPATH": str(_EARLIER)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    told: Mapping[str, Any] = pickle.loads(done.stdout)
    return told


def test_the_release_before_reads_every_document_as_this_one_does() -> None:
    read_at = _NOW
    documents: list[dict[str, Any]] = []
    results: list[bytes] = []
    # A lane that waits has states of its own: it is switched on once that release is gone (docs/lanes.md).
    waiting = (*BATCH_PATHS, *KEPT_PATHS, *LANE_MONEY_PATHS)
    for path in (path for path in EVERY_PATH if path not in waiting):
        _, evidence = steps(path, "alone")
        documents += _as_they_lay(evidence.written)
        results += [carried.data for carried in evidence.results]
    answers = [
        {"answer": document["result"], "expires_at": read_at, "flight": None}
        for document in documents
        if (document.get("result") or {}).get("status") == "completed"
    ]
    told = _earlier(documents, answers, results, read_at)
    ours = [seen(Record.decode(document), read_at, Timing()).value for document in documents]
    assert len(documents) > 50
    assert told["seen"] == ours
    assert len(set(ours)) >= 6
    assert all(told["kept"])
    assert all(told["answers"])
    assert len(told["results"]) == len(results) > len(PATHS)


def test_the_release_before_touches_no_call_that_its_provider_keeps() -> None:
    """It reads no document in a state of a lane: it refuses the message, and neither calls nor writes."""
    [path] = [path for path in KEPT_PATHS if path.name == "kept"]
    _, evidence = steps(path, "alone")
    lain = [document for document in _as_they_lay(evidence.written) if document["state"] == "sent"]
    assert lain
    assert all(document["response"] == "resp-0" for document in lain)
    assert _earlier(lain, by=_REFUSER)["read"] == [False] * len(lain)
