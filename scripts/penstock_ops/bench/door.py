"""`door`: the front door and the LiteLLM proxy before the same model, by turns in one run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from penstock.door.key import SCOPES, Key
from penstock.paths import key_path
from penstock.ports import Put
from penstock_ops.bench.asked_door import Clients
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.litellm import KEY, MISSING, Proxy, litellm_command
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, number, percentile
from penstock_ops.bench.rig import Rig
from penstock_ops.terminal.console import warn

#: The model's time: what is added to it is measured against the model asked without anybody between.
_LATENCY_S = 0.05
#: In flight => answers of one round.
_WIDTHS = {1: 40, 50: 400, 200: 800}
_QUICK = {1: 20, 50: 150, 200: 400}
_ALONE, _OURS, _THEIRS = "model alone", "front_door", "LiteLLM proxy"


@dataclass(slots=True)
class _Side:
    """`instance` None: the model itself."""

    name: str
    clients: Clients
    instance: Instance | None = None
    first_s: float = 0.0
    mib: float = 0.0


Found = dict[tuple[str, int, str], list[float]]


async def run(rig: Rig, options: Options) -> Section:
    """Rounds of the sides in turn at each width, whoever goes first changing."""
    rounds, widths = (1, _QUICK) if options.quick else (3, _WIDTHS)
    command = litellm_command()
    if command is None:
        warn(MISSING)
    found: Found = defaultdict(list)
    async with model_process(_LATENCY_S, rig.folder) as model_url:
        sides = [_Side(_ALONE, Clients(model_url, "none", "bench")), await _ours(rig, model_url)]
        if command is not None:
            proxy = Proxy(command, model_url, rig.folder)
            sides.append(_Side(_THEIRS, Clients(f"{proxy.url}v1", KEY, "bench"), proxy))
        options.step.expect(len(sides) * (1 + rounds * len(widths)))
        try:
            for side in sides:
                options.step(f"{side.name}: until the first answer")
                await _begin(side)
            for turn in range(rounds):
                for width, count in widths.items():
                    for side in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
                        options.step(f"round {turn + 1}: {side.name}, {width} in flight")
                        await _measured(found, side, width, count)
        finally:
            for side in sides:
                if side.instance is not None:
                    side.instance.stop()
    return _section(found, sides, widths, rounds)


async def _ours(rig: Rig, model_url: str) -> _Side:
    now = datetime.now(UTC)
    key, sent = Key("bench", "default", SCOPES, (), None, now).with_new_secret(now, None)
    await rig.store.commit([Put(key_path(key.key_id), key.encode())], timeout_s=30)
    door = Instance("front_door", rig.env(model_url, PENSTOCK_DOOR="keys"), rig.folder)
    return _Side(_OURS, Clients(f"{door.url}v1", sent, "bench"), door)


async def _begin(side: _Side) -> None:
    """Started, and warm: imports done, connections open."""
    began = time.monotonic()
    if side.instance is not None:
        await side.instance.start()
    await side.clients.first()
    side.first_s = time.monotonic() - began
    await side.clients.load(60, 20)


async def _measured(found: Found, side: _Side, width: int, count: int) -> None:
    before = side.instance.cpu_s() if side.instance is not None else 0.0
    load = await side.clients.load(count, width)
    cpu_s = (side.instance.cpu_s() if side.instance is not None else 0.0) - before
    found[side.name, width, "p50"].append(percentile(load.seconds, 0.5) * 1000)
    found[side.name, width, "p99"].append(percentile(load.seconds, 0.99) * 1000)
    found[side.name, width, "per_s"].append(load.per_s)
    found[side.name, width, "cpu"].append(cpu_s / count * 1000)
    if side.instance is not None:
        side.mib = max(side.mib, side.instance.memory_mib())


def _section(found: Found, sides: list[_Side], widths: Mapping[int, int], rounds: int) -> Section:
    measured = {key: median(values) for key, values in found.items()}
    between = [side for side in sides if side.instance is not None]
    rows = [
        (f"{width} in flight: {told}", *(_cell(measured, side.name, width, what) for side in between))
        for width in widths
        for told, what in _ROWS
    ]
    rows.append(("MiB, the most", *(number(side.mib) for side in between)))
    rows.append(("seconds to the first answer", *(number(side.first_s) for side in between)))
    ran = [side.name for side in between]
    return Section(
        name="door",
        title=f"The door beside the LiteLLM proxy, {rounds} rounds by turns, the model answers after "
        f"{_LATENCY_S * 1000:.0f} ms",
        columns=("what", *ran),
        rows=rows,
        figures=_ratios(measured, between, widths),
        notes=(*(() if _THEIRS in ran else (MISSING,)), _NOTE),
        data={"measured": {" / ".join(map(str, key)): value for key, value in measured.items()}},
    )


_ROWS = (
    ("answers a second", "per_s"),
    ("p50 added, ms", "p50"),
    ("p99 added, ms", "p99"),
    ("CPU ms an answer", "cpu"),
)
_NOTE = (
    "One process each on the instance's core; the model, the clients and, of the door, Google's emulators "
    "share the others. Every question is new. The door writes each request to Firestore before it asks, its "
    "answer before it gives it, and publishes it; the proxy has no database and keeps nothing. Added: beyond "
    "the same load on the model itself."
)


def _cell(measured: Mapping[tuple[str, int, str], float], name: str, width: int, what: str) -> str:
    value = measured[name, width, what]
    return number(value - measured[_ALONE, width, what] if what in ("p50", "p99") else value)


def _ratios(
    measured: Mapping[tuple[str, int, str], float], between: list[_Side], widths: Mapping[int, int]
) -> list[Figure]:
    if len(between) < 2:
        return []
    ratios = [
        Figure(
            f"CPU an answer, ours / theirs, {width} in flight",
            measured[_OURS, width, "cpu"] / measured[_THEIRS, width, "cpu"],
        )
        for width in widths
    ]
    ours, theirs = between
    return [*ratios, Figure("seconds to the first answer, ours / theirs", ours.first_s / theirs.first_s)]
