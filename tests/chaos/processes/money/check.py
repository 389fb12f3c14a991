"""What budgets promise, told from the provider's own bill and from what lies in the store at rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from penstock.money.limits import NANO
from tests.chaos.money_checker import stranded


@dataclass(frozen=True, slots=True)
class Looked:
    """The provider's bill at one moment, in nano-dollars, and what it may be at most."""

    when: str
    billed: int
    at_most: int


@dataclass(slots=True)
class MoneyEvidence:
    """`bills` by request, (tenant, request_id), of those whose question nobody else asked; `results` as the
    response topic carried them; `documents` of requests, accounts and allotments, by path."""

    looked: list[Looked]
    billed: int
    bills: Mapping[tuple[str, str], int]
    results: Sequence[Mapping[str, Any]]
    documents: Mapping[str, Mapping[str, Any]]
    at_rest: bool
    unfinished: Sequence[str] = field(default_factory=list)
    crashes: Sequence[str] = field(default_factory=list)


def money_wrong(evidence: MoneyEvidence) -> list[str]:
    """Every violation, a sentence each."""
    return [
        *_overspent(evidence),
        *_receipts(evidence),
        *([] if evidence.at_rest else ["it did not come to rest in time"]),
        *(stranded(evidence.documents, evidence.billed) if evidence.at_rest else ()),
        *(
            f"{path}: with money enough, and a provider that answers, not answered"
            for path in evidence.unfinished
        ),
        *(f"a crash: {line}" for line in evidence.crashes),
    ]


def _overspent(evidence: MoneyEvidence) -> Iterator[str]:
    for looked in evidence.looked:
        if looked.billed > looked.at_most:
            yield f"{looked.when}: {looked.billed} nano-dollars were billed, at most {looked.at_most} may be"


def _receipts(evidence: MoneyEvidence) -> Iterator[str]:
    """What receipts charge covers the bill, request by request; all of them together are what allotments
    were charged."""
    charged: dict[tuple[str, str, int], int] = {}
    unsure: dict[tuple[str, str, int], int] = {}
    for result in evidence.results:
        told = (result["cost"] or {}).get("budget")
        if told is None:
            continue
        if told["unsure_usd"] > told["charged_usd"]:
            yield f"{result['request_id']}: of {told['charged_usd']} dollars {told['unsure_usd']} are unsure"
        life = result["tenant"], result["request_id"], result["redrive_count"]
        charged[life], unsure[life] = _nano(told["charged_usd"]), _nano(told["unsure_usd"])
    for (tenant, request_id), bill in evidence.bills.items():
        lives = sum(nano for life, nano in charged.items() if life[:2] == (tenant, request_id))
        if bill > lives:
            yield f"{tenant}/{request_id}: {bill} nano-dollars were billed, its receipts say {lives}"
    yield from _drawn(evidence, sum(charged.values()), sum(unsure.values()))


def _drawn(evidence: MoneyEvidence, charged: int, unsure: int) -> Iterator[str]:
    """A hold whose draw never came about is charged to an allotment that is not there: nobody knows that it
    was not paid."""
    drawn = sum(fields["nano"] for path, fields in evidence.documents.items() if "/drawn/" in path)
    if evidence.at_rest and not charged - unsure <= drawn <= charged:
        yield (
            f"allotments were charged {drawn} nano-dollars; all receipts say {charged}, {unsure} of it unsure"
        )


def _nano(dollars: float) -> int:
    return int(Decimal(str(dollars)) * NANO)
