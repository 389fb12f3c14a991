"""The throughput curve, in the terminal and as PNG."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from rich.text import Text

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.results import Results

_WIDTH = 46
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def terminal_chart(results: Results) -> Text:
    """One bar per concurrency: requests per second, with the knee marked."""
    stages, knee = results.closed, results.knee
    text = Text("requests/s by concurrency\n", style="bold")
    if not stages:
        return text
    top = max(s.requests_per_s for s in stages) or 1.0
    marked = min((s.load for s in stages if knee and s.load >= knee.whole), default=None)
    for stage in stages:
        at_knee = stage.load == marked
        text.append(f"{stage.load:>5.0f} ")
        text.append(_bar(stage.requests_per_s / top), style="green" if at_knee else "cyan")
        text.append(f" {stage.requests_per_s:.2f}" + ("  ← knee" if at_knee else "") + "\n")
    return text


def _bar(share: float) -> str:
    eighths = round(share * _WIDTH * 8)
    whole, rest = divmod(max(0, eighths), 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(1)


def save_png(results: Results, path: Path) -> None:
    """Write the chart to `path`. Raises TuneFault when matplotlib (extra `tune`) is absent."""
    try:
        figure_module = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise TuneFault(
            "a PNG needs matplotlib: install the extra with `pip install 'penstock[tune]'`; "
            "everything else was done without it"
        ) from None
    figure = figure_module.Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _closed_axes(left, results)
    _open_axes(right, results)
    figure.suptitle(
        f"{results.identity.get('model', '')} on {results.identity.get('kind', '')}, {results.measured_at}"
    )
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise TuneFault(f"cannot write {path}: {error.strerror}") from None


def _closed_axes(axes: Any, results: Results) -> None:
    loads = [s.load for s in results.closed]
    axes.plot(loads, [s.requests_per_s for s in results.closed], "o-", color="tab:blue")
    axes.set_xscale("log", base=2)
    powers = [2**n for n in range(11) if not loads or 2**n <= max(loads)]
    axes.set_xticks(powers, labels=[str(p) for p in powers])
    axes.set_xlabel("concurrency")
    axes.set_ylabel("requests/s", color="tab:blue")
    axes.set_ylim(bottom=0)
    late = axes.twinx()
    late.plot(loads, [s.p99_s for s in results.closed], "s--", color="tab:red")
    late.set_ylabel("p99 latency (s)", color="tab:red")
    late.set_ylim(bottom=0)
    if results.knee:
        axes.axvline(results.knee.concurrency, color="gray", linestyle=":")
        axes.annotate(
            f"knee {results.knee.concurrency:.1f}", (results.knee.concurrency, 0), rotation=90, va="bottom"
        )
    axes.set_title("closed loop")


def _open_axes(axes: Any, results: Results) -> None:
    rates = [s.load for s in results.opened]
    axes.plot(rates, [s.p50_s for s in results.opened], "o-", label="p50")
    axes.plot(rates, [s.p99_s for s in results.opened], "s--", label="p99")
    if results.sustained_rate:
        axes.axvline(results.sustained_rate, color="gray", linestyle=":", label="highest rate kept up with")
    axes.set_xlabel("arrivals/s")
    axes.set_ylabel("latency (s)")
    axes.set_ylim(bottom=0)
    if rates:
        axes.legend()
    axes.set_title("open loop")
