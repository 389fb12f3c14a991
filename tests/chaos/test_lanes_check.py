"""The checker of lanes on real processes: sound evidence passes, and whoever tampers with it is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.processes.lanes.check import LanesEvidence, lanes_wrong

_R1, _R2, _BATCH = "tenants/acme/requests/r1", "tenants/acme/requests/r2", "tenants/acme/batches/b"


def _answer(lane: str) -> dict[str, Any]:
    saved = {"saved_by_lane_usd": 0.5} if lane == "batch" else {}
    return {"status": "completed", "lane": lane, "cost": {"usd": 0.5, **saved}}


def _sound() -> LanesEvidence:
    """One was answered by its line; the other at once, and its line came later; a third line was lost."""
    documents: dict[str, dict[str, Any]] = {
        _R1: {"line": "job/one", "result": _answer("batch")},
        _R2: {"result": _answer("sync")},
        f"{_R2}/orphans/two": {"line": "job/two"},
        _BATCH: {"state": "closed", "stage": "over"},
    }
    paid = {"one": 1, "two": 1, "three": 1}
    return LanesEvidence(paid, {"three"}, {"job": frozenset(paid)}, documents)


def _paid_twice(evidence: LanesEvidence) -> None:
    evidence.paid["one"] = 2


def _never_closed(evidence: LanesEvidence) -> None:
    evidence.documents[_BATCH].update(state="waiting", stage="out")


def _answer_of_no_line(evidence: LanesEvidence) -> None:
    evidence.documents[_R1]["line"] = "job/four"


def _answer_of_another_job(evidence: LanesEvidence) -> None:
    evidence.documents[_R1]["line"] = "other/one"


def _answer_unpaid(evidence: LanesEvidence) -> None:
    del evidence.paid["one"]


def _orphan_dropped(evidence: LanesEvidence) -> None:
    del evidence.documents[f"{_R2}/orphans/two"]


def _answer_dropped(evidence: LanesEvidence) -> None:
    evidence.documents[_R1]["line"] = None


def _list_price(evidence: LanesEvidence) -> None:
    evidence.documents[_R1]["result"]["cost"]["saved_by_lane_usd"] = 0


def _another_lane(evidence: LanesEvidence) -> None:
    evidence.documents[_R1]["result"]["lane"] = "sync"


def test_sound_evidence_passes() -> None:
    assert lanes_wrong(_sound()) == []


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_paid_twice, "line one: paid 2 times"),
        (_never_closed, "at rest, but waiting in stage out"),
        (_answer_of_no_line, "of line job/four, which the provider never answered"),
        (_answer_of_another_job, "of line other/one, which the provider never answered"),
        (_answer_unpaid, "of line job/one, which the provider never answered"),
        (_orphan_dropped, "line two: paid, and nobody has its answer"),
        (_answer_dropped, "line one: paid, and nobody has its answer"),
        (_list_price, "answered by a batch, and says lane batch, 0.5 dollars, 0 saved"),
        (_another_lane, "answered by a batch, and says lane sync"),
    ],
)
def test_whoever_tampers_with_it_is_caught(tamper: Callable[[LanesEvidence], None], said: str) -> None:
    evidence = _sound()
    tamper(evidence)
    assert any(said in sentence for sentence in lanes_wrong(evidence))
