"""`penstock tune`: what fits (compute), what an engine does (measure), what to deploy (recommend)."""

from __future__ import annotations

import typer

from penstock_ops.tune.cli_compute import compute
from penstock_ops.tune.cli_experiment import experiment
from penstock_ops.tune.cli_measure import measure
from penstock_ops.tune.cli_recommend import recommend_command
from penstock_ops.tune.cli_verify import verify

app = typer.Typer(
    help="Size, measure and price a self-hosted engine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(compute)
app.command()(measure)
app.command("recommend")(recommend_command)
app.command()(experiment)
app.command()(verify)
