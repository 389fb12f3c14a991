"""`python -m penstock_ops.engine`: install, start and stop the CPU engine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.engine.home import EngineHome
from penstock_ops.engine.install import install as make_complete
from penstock_ops.engine.process import EngineFault, EngineProcess

app = typer.Typer(
    help="A real vLLM engine on the CPU with a tiny random model, for tests and measurements.",
    no_args_is_help=True,
)
Home = Annotated[
    Path | None,
    typer.Option(help="Its folder; default: penstock/engine below the user's cache folder."),
]
Port = Annotated[int, typer.Option(help="TCP port on 127.0.0.1.", min=1, max=65535)]


def _home(folder: Path | None) -> EngineHome:
    return EngineHome(folder) if folder else EngineHome.default()


def _fail(fault: EngineFault) -> typer.Exit:
    typer.echo(f"error: {fault}", err=True)
    return typer.Exit(1)


@app.command()
def install(home: Home = None) -> None:
    """Install vLLM's CPU build and make the model (about 4 minutes and 3.4 GB, once)."""
    place = _home(home)
    try:
        make_complete(place, typer.echo)
    except EngineFault as fault:
        raise _fail(fault) from None
    typer.echo(f"engine ready in {place.root}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def up(
    context: typer.Context,
    home: Home = None,
    port: Port = 8100,
    detach: Annotated[bool, typer.Option(help="Return once it answers; stop it with `down`.")] = False,
) -> None:
    """Install if needed, start, and stay until interrupted.

    Every other option goes to vLLM as it is, for example: --max-model-len 16384 --max-num-seqs 8.
    """
    place = _home(home)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make_complete(place, typer.echo)
        typer.echo("starting (40 to 60 s on two cores)")
        engine = EngineProcess.start(place, port, context.args)
    except EngineFault as fault:
        raise _fail(fault) from None
    typer.echo(f"engine up: {engine.url}/v1 model tiny, pid {engine.pid}, log {engine.log}")
    if not detach:
        _stay(engine)


def _stay(engine: EngineProcess) -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        engine.stop()
        typer.echo("engine stopped")


@app.command()
def down(home: Home = None, port: Port = 8100) -> None:
    """Stop the engine that `up --detach` left running on this port."""
    place = _home(home)
    pidfile = place.pidfile(port)
    if not pidfile.exists():
        typer.echo(f"error: no engine was started on port {port} from {place.root}", err=True)
        raise typer.Exit(1)
    EngineProcess(f"http://127.0.0.1:{port}", int(pidfile.read_text()), place.log(port)).stop()
    typer.echo("engine stopped")


if __name__ == "__main__":
    app()
