"""`cold`: a fresh process until its first answered request, beside the import of everything."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from penstock_ops.bench import cores
from penstock_ops.bench.instance import FUNCTIONS, Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, spread
from penstock_ops.bench.rig import Rig, question
from penstock_ops.terminal.faults import OperatorFault

#: What is aimed at: the first hit, in seconds and as a share of importing everything.
HIT_S, HIT_SHARE = 1.0, 0.6
_ROOT = Path(__file__).parents[3]
#: Every module of ours that a function may come to import, and with them every SDK.
_EVERYTHING = (
    "functions_framework.aio, gunicorn.app.base, uvicorn, penstock.bootstrap, penstock.requests.handle, "
    "penstock.requests.respond, penstock.sweep, penstock.adapters.stores.firestore, "
    "penstock.adapters.stores.sqlite, penstock.adapters.buses.pubsub, penstock.adapters.buses.local, "
    "penstock.adapters.blobs.gcs, penstock.adapters.blobs.folder, penstock.adapters.providers.openai, "
    "penstock.adapters.providers.tgi, penstock.adapters.providers.keys, google.cloud.secretmanager, "
    "google.cloud.storage, huggingface_hub.inference._generated._async_client"
)
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")


async def run(rig: Rig, options: Options) -> Section:
    """Rounds of: import everything, first hit, first miss."""
    rounds = 2 if options.quick else 7
    options.step.expect(3 * rounds + 2)
    found: dict[str, list[float]] = defaultdict(list)
    async with model_process(0.0, rig.folder) as model_url:
        env = rig.env(model_url)
        await first_answer(rig, env, question("known"))
        for number in range(rounds):
            options.step(f"round {number + 1}: import everything")
            found["import everything"].append(_import_s())
            hit = question("known") | {"request_id": f"hit-{number}"}
            for name, body in (("first hit", hit), ("first miss", question(number))):
                options.step(f"round {number + 1}: {name}")
                listens, answered = await first_answer(rig, env, body)
                found[f"{name}: listens"].append(listens)
                found[name].append(answered)
        imports = {}
        for name, body in (
            ("hit", question("known") | {"request_id": "hit-imports"}),
            ("miss", question("imports")),
        ):
            options.step(f"what the first {name} imports")
            imports[name] = await _imports(rig, env, body)
    hit_s = median(found["first hit"])
    share = median([a / b for a, b in zip(found["first hit"], found["import everything"], strict=True)])
    rows = [(name, spread(values)) for name, values in found.items()]
    for name, packages in imports.items():
        rows.append((f"the first {name} imports", f"{sum(packages.values()):.3f}"))
        rows += [(f"  of it {package}", f"{seconds:.3f}") for package, seconds in _heaviest(packages)]
    rows.append(("bundle (zip), kB", f"{_bundle_bytes() / 1000:.0f}"))
    return Section(
        name="cold",
        title=f"From a fresh process to its first answer, {rounds} rounds",
        columns=("what", "seconds: median (lowest–highest)"),
        rows=rows,
        figures=[
            Figure("first hit, s", hit_s, f"< {HIT_S:g}", hit_s < HIT_S),
            Figure("first hit / importing everything", share, f"< {HIT_SHARE}", share < HIT_SHARE),
        ],
        notes=(
            "What the first hit or miss imports: by a process that told of each import while it started and "
            "answered; each package's own modules, compiled already. Telling makes importing slower.",
        ),
        data={"seconds": dict(found), "imports": imports, "bundle_bytes": _bundle_bytes()},
    )


async def first_answer(
    rig: Rig, env: dict[str, str], body: dict[str, str], source: Path = FUNCTIONS
) -> tuple[float, float]:
    """Seconds from the start of a process of `source` until it listens, and until it has answered `body`."""
    instance = Instance("request_handler", env, rig.folder, source=source)
    started = time.perf_counter()
    async with rig.running(instance):
        listens = time.perf_counter() - started
        status = await rig.push(instance, rig.envelope(body))
        answered = time.perf_counter() - started
    if status != 204:
        raise OperatorFault(f"the first request was answered {status}: {instance.log.read_text()[-1000:]}")
    return listens, answered


def _import_s() -> float:
    """Seconds until a fresh process has imported everything."""
    started = time.perf_counter()
    with cores.on(cores.INSTANCE):
        subprocess.run([sys.executable, "-c", f"import {_EVERYTHING}"], check=True, cwd=_ROOT / "functions")
    return time.perf_counter() - started


async def _imports(rig: Rig, env: dict[str, str], body: dict[str, str]) -> dict[str, float]:
    """Seconds by package of everything that a fresh process imports until it has answered `body`."""
    before = {path: path.stat().st_size for path in rig.folder.glob("*.log")}
    await first_answer(rig, env | {"PYTHONPROFILEIMPORTTIME": "1"}, body)
    told = [path.read_text() for path in rig.folder.glob("*.log") if path not in before]
    return own_seconds("\n".join(told))


def own_seconds(told: str) -> dict[str, float]:
    """By package, from what `python -X importtime` tells: microseconds of the module's own, and in all."""
    own: dict[str, float] = defaultdict(float)
    for match in _IMPORT.finditer(told):
        own[_package(match[4])] += int(match[1]) / 1e6
    return dict(own)


def _heaviest(packages: dict[str, float], count: int = 8) -> list[tuple[str, float]]:
    return sorted(packages.items(), key=lambda item: -item[1])[:count]


def _package(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:3]) if parts[:2] == ["google", "cloud"] else parts[0]


def _bundle_bytes() -> int:
    done = subprocess.run([str(_ROOT / "scripts" / "bundle")], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()).stat().st_size
