"""The operator's command: what can be typed, and what it means. Each verb's work is in the file of its name.

Nothing heavy is imported before a verb needs it, so that `--help` comes at once.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock_ops.batching.cli import add_batches
from penstock_ops.calling.cli import add_callbacks
from penstock_ops.comparing.cli import add_compare
from penstock_ops.keys.cli import add_keys
from penstock_ops.learning.cli import add_learning
from penstock_ops.planning.cli import add_plan
from penstock_ops.running.cli import add_runs
from penstock_ops.similar.cli import add_similar
from penstock_ops.terminal.faults import exit_code, sentence
from penstock_ops.terminal.mounted import Tools
from penstock_ops.terminal.shown import printable
from penstock_ops.terminal.streams import give_up, prepare
from penstock_ops.upkeep.operations import add_operations

app = typer.Typer(
    cls=Tools,
    help=(
        "Publish prompts, read results, run Penstock on this machine.\n\n"
        "The verbs talk to the folder in PENSTOCK_LOCAL, else to the project in GOOGLE_CLOUD_PROJECT "
        "(on the emulators, where their hosts are set), else to the default local folder; they say which.\n\n"
        "[b]Start here[/b]:  penstock demo"
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_debugging = {"traceback": False}

Json = Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")]


@app.callback()
def root(
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an unexpected error comes from.", hidden=True)
    ] = False,
) -> None:
    _debugging["traceback"] = traceback


@app.command()
def demo(
    questions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROMPT | FILE.jsonl", help="What to ask; nothing: a shipped file of 56 messages."
        ),
    ] = None,
    as_json: Json = False,
    patience: Annotated[
        float, typer.Option(min=1, help="Give up after so many seconds in which nothing new happens.")
    ] = 90,
    lanes: Annotated[
        bool, typer.Option("--lanes", help="What a deadline buys: each question in three lanes, offline.")
    ] = False,
) -> None:
    """Run the main job on this machine: publish, answer, show what came of it.

    No cloud, no Java, no key: without OPENAI_API_KEY or OPENAI_BASE_URL an offline provider answers.
    Exits with 1 when a request failed, or one was not answered in time.

    [b]Examples[/b]

      penstock demo

      penstock demo "Why is the sky blue?" "Name a river."

      OPENAI_API_KEY=… penstock demo questions.jsonl

      penstock demo --lanes
    """
    if lanes:
        from penstock_ops.local.demo_lanes import demo_lanes

        raise typer.Exit(demo_lanes(questions or [], as_data=as_json))
    from penstock_ops.local.demo import demo

    raise typer.Exit(demo(questions or [], as_json=as_json, idle_s=patience))


@app.command()
def dev(
    emulators: Annotated[bool, typer.Option("--emulators", help="On Google's emulators.")] = False,
    project: Annotated[
        str | None,
        typer.Option(
            help="Project id on the emulators (default: GOOGLE_CLOUD_PROJECT, else penstock-local)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep Penstock up on this machine until Ctrl-C, and show what happens.

    Says how to publish and read from another shell. With --emulators everything is as in the cloud: Google's
    Pub/Sub and Firestore emulators (they need the Cloud SDK and Java) and functions-framework processes.

    [b]Examples[/b]

      penstock dev

      penstock dev --emulators
    """
    from penstock_ops.local.dev import dev

    raise typer.Exit(dev(on_emulators=emulators, project=project, as_json=as_json))


@app.command()
def publish(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="Each is one request; - reads stdin.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            help="Request objects (.jsonl: one a line; .json: one, or a list), or text; without a suffix "
            "and on stdin what is in it decides. Unicode in any of its encodings.",
        ),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option("--id", help="The request's id, your idempotency key (default: a random one)."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose request it is.")] = None,
    model: Annotated[str | None, typer.Option(help="Alias of a route.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="NAME=VALUE, such as temperature=0.2; repeatable."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", help="NAME=VALUE, echoed in the result; repeatable."),
    ] = None,
    cache: Annotated[str | None, typer.Option(help="auto, use, refresh, off or similar.")] = None,
    deadline: Annotated[str | None, typer.Option(help="No answer is paid after this RFC 3339 time.")] = None,
    max_wait: Annotated[str | None, typer.Option(help="The same as a duration: 90, 10m, 2h, 1d.")] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait for the results and show them.")] = False,
    timeout: Annotated[str, typer.Option(help="How long --wait waits.")] = "5m",
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Publish even what is sure to become a dead letter.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish requests; print their ids, or with --wait their results.

    [b]Examples[/b]

      penstock publish --wait "Why is the sky blue?"

      penstock publish --tenant acme --model fast -p temperature=0 --max-wait 10m "Name a river."

      penstock publish --file questions.jsonl --json

      git diff | penstock publish --wait -
    """
    from penstock_ops.asking.publish import publish
    from penstock_ops.asking.publish_options import Options
    from penstock_ops.terminal.durations import seconds

    options = Options(
        request_id, tenant, model, param or (), metadata or (), cache, deadline, max_wait, unchecked
    )
    wait_s = seconds(timeout) if wait else None
    raise typer.Exit(publish(prompts or [], file or [], options, wait_s=wait_s, as_json=as_json))


@app.command()
def get(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    tenant: Annotated[str, typer.Option(help="Whose request it is.")] = "default",
    as_json: Json = False,
) -> None:
    """Show a request's result; or how far it has come; or why it failed and what to do.

    Exits with 0 when it completed, with 1 when it failed, is not finished, or is not there.

    [b]Examples[/b]

      penstock get 5f0c9a1e-…

      penstock get --tenant acme --json order-17 | jq -r .completion.text
    """
    from penstock_ops.asking.get import get

    _run(lambda: get(request_id, tenant, as_json=as_json))


@app.command()
def watch(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many results.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show results as they come, until Ctrl-C; it takes them from nobody else.

    [b]Examples[/b]

      penstock watch

      penstock watch --tenant acme --json
    """
    from penstock_ops.asking.watch import watch

    _run(lambda: watch(tenant, count=count, as_json=as_json))


add_operations(app)
add_runs(app)
add_batches(app)
add_plan(app)
add_callbacks(app)
add_keys(app)
add_compare(app)
add_learning(app)
add_similar(app)


def _run(verb: Callable[[], Coroutine[Any, Any, int]]) -> None:
    raise typer.Exit(asyncio.run(verb()))


def main() -> None:
    """The console entry point. Exit codes: 0 ok, 1 failed, 2 misused, 130 interrupted."""
    prepare()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an orderly end, as by Ctrl-C
    try:
        code = _ended()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # nobody reads any more, and that needs no words
        give_up()
        code = 1
    except Exception as error:
        if _debugging["traceback"]:
            raise
        code = _complain(error)
    sys.exit(code)


def _ended() -> int:
    """The exit code of what was typed."""
    try:
        return app(prog_name="penstock", standalone_mode=False) or 0
    except typer.Abort:
        return 1


def _complain(error: Exception) -> int:
    from penstock_ops.terminal.console import complain

    if hasattr(error, "format_message"):  # typer's own, about the command line
        return _show_usage(error)
    complain(sentence(error))
    if isinstance(error, OSError):
        give_up()
    return exit_code(error)


def _show_usage(error: Any) -> int:
    from typer.rich_utils import rich_format_error

    error.message = printable(error.message)
    rich_format_error(error)
    return int(error.exit_code)


if __name__ == "__main__":
    main()
