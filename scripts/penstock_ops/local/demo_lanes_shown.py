"""What three deadlines bought, as a person and a program are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from penstock_ops.asking.pending import Ended
from penstock_ops.terminal.console import dollars, stdout, warn

#: The price book's entry that all answers are priced by.
PRICE = "gpt-5.4-nano"


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of one deadline, "" for none, each with its end; None: it did not end in time."""

    deadline: str
    ended: Sequence[Ended | None]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """Of those that were answered."""
        found = [one.result for one in self.ended if one is not None]
        return [result for result in found if result is not None and not result["error"]]

    @property
    def whole(self) -> bool:
        return len(self.results) == len(self.ended)

    @property
    def lane(self) -> str:
        """The lane that they went by, and its tier where it has one; several where they parted."""
        return ", ".join(sorted({_lane(result) for result in self.results})) or "none"

    @property
    def usd(self) -> float:
        return sum(float(result["cost"]["usd"]) for result in self.results)

    @property
    def saved_usd(self) -> float:
        return sum(float(result["cost"]["saved_by_lane_usd"]) for result in self.results)

    @property
    def slowest_s(self) -> float:
        """Seconds from publishing to the result of the last one."""
        return max((result["timings"]["total_ms"] / 1000 for result in self.results), default=0.0)

    def told(self) -> dict[str, Any]:
        return {
            "deadline": self.deadline or None,
            "lane": self.lane,
            "requests": len(self.ended),
            "answered": len(self.results),
            "usd": self.usd,
            "saved_by_lane_usd": self.saved_usd,
            "slowest_s": self.slowest_s,
            "results": self.results,
        }


def _lane(result: Mapping[str, Any]) -> str:
    tier = result["cost"]["breakdown"].get("tier", "standard")
    return str(result["lane"]) if tier == "standard" else f"{result['lane']}, tier {tier}"


def as_json(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [group.told() for group in groups]


def show(groups: Sequence[Group], scale: int) -> None:
    """A table, and what is real of it. `scale`: how many times shorter the system's own waits were."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("deadline", "lane", "answered", "cost", "at once", "saved", "a million of them", "slowest"):
        table.add_column(name, justify="left" if name in ("deadline", "lane") else "right")
    for group in groups:
        table.add_row(*_cells(group))
    out = stdout()
    out.print(table)
    out.print(
        f"\nThe offline provider answered, which is no model; each answer is priced as one of {PRICE} by the "
        f"price book.\nThe system's waits are {scale} times shorter here, so that a batch takes seconds: "
        "docs/lanes.md says which deadline buys what.",
        soft_wrap=True,
    )
    if not all(group.whole for group in groups):
        warn("Not every request was answered in time.")


def _cells(group: Group) -> tuple[str, ...]:
    listed = group.usd + group.saved_usd
    million = f"${1e6 * group.usd / len(group.results):,.2f}" if group.results else "–"
    saved = f"{group.saved_usd / listed:.0%}" if listed else "–"
    return (
        group.deadline or "none", group.lane, f"{len(group.results)} of {len(group.ended)}",
        dollars(group.usd), dollars(listed), saved, million, f"{group.slowest_s:.1f} s",
    )  # fmt: skip
