"""`scripts/prices`: the price book beside genai-prices, digit by digit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table

from penstock_ops.pricebook.published import published
from penstock_ops.pricebook.wanted import Wanted, read_wanted
from penstock_ops.pricebook.written import Unequal, day_of, read_book, unequal, write_models
from penstock_ops.terminal.console import complain, counted, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.progress import progress

BOOK = Path(__file__).parents[3] / "functions" / "penstock" / "money" / "prices.json"
#: Differences that are named one by one.
_SHOWN = 20

_HELP = """\
The price book's models are generated from the library genai-prices (MIT, a development dependency that
carries its data: nothing is fetched). scripts/penstock_ops/pricebook/wanted.json says which models, and
lists with day and reason what the book has beyond the library.

  scripts/prices             show every variant's price, and where the two differ
  scripts/prices --check     the same in silence; exit code 1 on any difference (part of scripts/check)
  scripts/prices --write     generate the book's models anew

To follow a new release: raise genai-prices in pyproject.toml, set the book's as_of, run --write, read the
difference that git shows, and check it against the source that the book names."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: equal (or written); 1: not."""
    parser = argparse.ArgumentParser(
        prog="scripts/prices", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="exit with 1 on any difference")
    how.add_argument("--write", action="store_true", help="generate the models anew")
    parser.add_argument("--book", type=Path, default=BOOK, help="another file than the one that ships")
    said = parser.parse_args(arguments)
    try:
        return _run(said.book, check=said.check, write=said.write)
    except OperatorFault as fault:
        complain(str(fault))
        return 1


def _run(path: Path, *, check: bool, write: bool) -> int:
    wanted, book = read_wanted(), read_book(path)
    own = _own(wanted, book["models"])
    theirs = own | published(wanted, day_of(book))
    differences = unequal(book["models"], theirs)
    if write:
        write_models(path, theirs)
        say(f"{path.name}: {counted(len(theirs), 'model')}, {counted(len(differences), 'figure')} changed.")
        return 0
    if not check:
        _show(theirs, wanted)
    return _verdict(differences, len(theirs))


def _own(wanted: Wanted, models: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are ours by definition, as they stand."""
    names = [name for each in wanted.differences if each.variant == "own" for name in each.models]
    return {name: models[name] for name in names if name in models}


def _verdict(differences: Sequence[Unequal], models: int) -> int:
    for place, ours, theirs in differences[:_SHOWN]:
        complain(f"{place}: the book says {_said(ours)}, and should say {_said(theirs)}.")
    if len(differences) > _SHOWN:
        complain(f"and {len(differences) - _SHOWN:,} more.")
    if differences:
        say("`scripts/prices --write` takes the library's; what is to stay needs its reason in wanted.json.")
        return 1
    version = metadata.version("genai-prices")
    say(f"{counted(models, 'model')} equal genai-prices {version} to the digit.")
    return 0


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _show(models: Mapping[str, Any], wanted: Wanted) -> None:
    table = Table("model", "variant", "input", "cached", "cache write", "output", box=None)
    with progress("models", len(models)) as advance:
        for number, (name, entry) in enumerate(models.items(), 1):
            for variant, prices in _variants(entry):
                figures = (prices.get(rate) for rate in ("input", "cached", "cache_write", "output"))
                table.add_row(name, variant, *("–" if each is None else f"{each:f}" for each in figures))
            advance(number, name)
    out = stdout()
    out.print("USD per million tokens")
    out.print(table)
    for each in wanted.differences:
        out.print(f"{each.as_of}  {each.variant}: {each.why}", soft_wrap=True)


def _variants(entry: Mapping[str, Any], name: str = "standard") -> list[tuple[str, Mapping[str, Any]]]:
    """Every set of rates in an entry, long prompts' below their own."""
    found = [(name, entry)]
    if "long" in entry:
        found.append((f"{name}, above {entry['long']['above']}", entry["long"]))
    if "batch" in entry:
        found += _variants(entry["batch"], "batch")
    for kind in ("tiers", "background"):
        for inner, prices in entry.get(kind, {}).items():
            found += _variants(prices, inner if kind == "tiers" else f"background {inner}")
    return found


if __name__ == "__main__":
    sys.exit(main())
