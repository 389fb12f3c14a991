"""The files of an exported set: they get their names when all of it is written, and not before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penstock_ops.terminal.faults import Misuse

_PART = ".part"


class SetFiles:
    """`OUT-train.jsonl`, `OUT-validation.jsonl` and `OUT-datasheet.json`; what is not kept leaves nothing.

    Raises Misuse where one of them is there already, or the folder is none.
    """

    def __init__(self, out: Path, *, validation: bool) -> None:
        names = ["train.jsonl", *(["validation.jsonl"] if validation else []), "datasheet.json"]
        self._paths = {name.partition(".")[0]: out.with_name(f"{out.name}-{name}") for name in names}
        if not out.parent.is_dir():
            raise Misuse(f"--out {out}: {out.parent} is no folder.")
        for path in self._paths.values():
            if path.exists():
                raise Misuse(f"{path} is there already: name another --out, or remove it.")

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._files = {
            name: self._open.enter_context(_part(path).open("w", encoding="utf-8"))
            for name, path in self._paths.items()
        }
        return self

    def add(self, name: str, line: Mapping[str, Any]) -> None:
        """One line more of `train` or `validation`."""
        self._files[name].write(json.dumps(line, ensure_ascii=False) + "\n")

    def keep(self, sheet: Mapping[str, Any]) -> list[Path]:
        """All is written: give the files their names. Their paths."""
        self._files["datasheet"].write(json.dumps(sheet, ensure_ascii=False, indent=2) + "\n")
        self._open.close()
        for path in self._paths.values():
            _part(path).replace(path)
        return list(self._paths.values())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        for path in self._paths.values():
            _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)
