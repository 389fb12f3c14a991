"""Tools with a command of their own, below the operator's: imported when they are called, not before."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: By name: the module that has the typer `app`, and what `--help` says of it.
MOUNTED = {
    "tune": ("penstock_ops.tune.cli", "Find a self-hosted engine's best settings."),
    "bench": ("penstock_ops.bench.cli", "Measure cost, speed and round trips on this machine."),
}


class Tools(TyperGroup):
    """The verbs, and the mounted tools that this installation has."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *(name for name in MOUNTED if _is_installed(name))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in MOUNTED and _is_installed(cmd_name) and cmd_name not in self.commands:
            return TyperCommand(cmd_name, help=MOUNTED[cmd_name][1])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else ""
        if name in MOUNTED and _is_installed(name):
            self.commands[name] = typer.main.get_command(importlib.import_module(MOUNTED[name][0]).app)
        return super().resolve_command(ctx, args)


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(MOUNTED[name][0]) is not None
