"""`penstock similar show`, `reset`: where a tenant's ways stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table

from penstock.errors import PreconditionFailed
from penstock.paths import EVIDENCE
from penstock.ports import REMOVE, Snapshot, Update
from penstock.similar.evidence import THRESHOLDS, Way
from penstock.similar.standing import Standing
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system

#: Ways of one tenant: each change of a model makes another.
_WAYS: Final = 1_000
_NAMES: Final = tuple(Way.__slots__)


async def show(tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises OperatorFault."""
    async with open_system() as system:
        say(f"penstock similar show ← {system.name}, tenant {tenant}")
        ways = await _ways(system, tenant)
    rows = [told(found) for found in ways]
    if as_json:
        print_json({"ways": rows})
        return 0
    for row in rows:
        _print(row)
    if not rows:
        stdout().print("Nothing was judged yet: no request of this tenant has said cache: similar.")
    return 0


async def reset(name: str, tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises OperatorFault."""
    async with open_system() as system:
        say(f"penstock similar reset → {system.name}, tenant {tenant}")
        meant = [found for found in await _ways(system, tenant) if _name(found).startswith(name)]
        if len(meant) != 1:
            raise OperatorFault(
                f"{len(meant)} ways of tenant {tenant} begin with {name}: `penstock similar show` names them."
            )
        [found] = meant
        gone = {field: REMOVE for field in found.fields or {} if field not in _NAMES}
        try:
            await system.services.store.commit(
                [Update(found.path, gone, found.version)], timeout_s=system.services.timing.commit_s
            )
        except PreconditionFailed:
            raise OperatorFault("it is being written at this very moment; try again.") from None
    if as_json:
        print_json({"reset": _name(found)})
    else:
        stdout().print("[green]reset[/green]: it begins anew, without evidence, and so does its judge.")
    return 0


async def _ways(system: System, tenant: str) -> list[Snapshot]:
    s = system.services
    return await s.store.scan(
        f"tenants/{tenant}/{EVIDENCE}", after="", limit=_WAYS, timeout_s=s.timing.read_s
    )


def _name(found: Snapshot) -> str:
    return found.path.rpartition("/")[2]


def told(found: Snapshot) -> dict[str, Any]:
    """What is known of a way."""
    fields: Mapping[str, Any] = found.fields or {}
    standing = Standing.decode(fields)
    judged = bool(fields.get("judge"))
    return {
        "way": _name(found),
        **{name: fields.get(name, "") for name in _NAMES},
        "state": "closed" if standing.closed else "gathering" if standing.open is None else "open",
        "threshold": None if standing.open is None else THRESHOLDS[standing.open],
        "max_wrong": standing.open_for or None,
        "given": standing.hits,
        "judge_misses_at_most": round(standing.missed_at_most(judged=judged), 6),
        "judged": [
            {"threshold": at, "n": n, "k": k}
            for at, (n, k) in zip(THRESHOLDS, standing.evidence.counts, strict=True)
        ],
    }


def _print(row: Mapping[str, Any]) -> None:
    state = row["state"]
    if row["threshold"] is not None:
        state += f" from a cosine of {row['threshold']:g}, for {row['max_wrong']:.2%} wrong at most"
    stdout().print(f"{row['way']}: route {shown(row['route'])}, {state}; {row['given']} given", markup=False)
    for name in ("model", "embedder", "verifier", "judge"):
        if row[name]:
            stdout().print(f"  {name}: {shown(row[name])}", markup=False)
    if row["judge"]:
        missed = row["judge_misses_at_most"]
        note = "was not tried: penstock similar learn --planted 299" if missed == 1 else f"{missed:.2%}"
        stdout().print(f"  of wrong pairs the judge may miss: {note}", markup=False)
    table = Table("cosine from", "judged", "wrong", box=None)
    for line in row["judged"]:
        table.add_row(f"{line['threshold']:g}", f"{line['n']:,}", f"{line['k']:,}")
    stdout().print(table)
