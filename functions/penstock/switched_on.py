"""What the rooms that are switched on bring to an instance; what is off is not even imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from penstock.errors import SettingsError
from penstock.ports import Collector
from penstock.requests.seams import Seam
from penstock.services import Topics
from penstock.settings import Settings


def topics_of(settings: Settings) -> Topics:
    topics = Topics(settings.request_topic, settings.response_topic, settings.dead_letter_topic)
    if settings.runs_topic is not None:
        topics = replace(topics, runs=settings.runs_topic, internal=settings.internal_topic)
    if settings.callbacks_topic is not None:
        topics = replace(topics, callbacks=settings.callbacks_topic)
    if settings.batches_topic is not None:
        topics = replace(topics, batches=settings.batches_topic)
    return topics


def rooms_of(settings: Settings) -> Iterator[Any]:
    """The rooms that are switched on, for the sweeper."""
    if settings.runs_topic is not None:
        from penstock.runs.room import Runs

        yield Runs()
    if settings.batches_topic is not None:
        from penstock.batches.rooms import BatchesRoom, PilesRoom

        yield PilesRoom()
        yield BatchesRoom()
    if settings.callbacks_topic is not None:
        from penstock.callbacks.room import CallbacksRoom

        yield CallbacksRoom()


def keepers_of(settings: Settings) -> Iterator[Any]:
    """What the rooms that are switched on have the sweeper do."""
    if settings.budgets is not None:
        from penstock.budgets.closing import Closing

        yield Closing(settings.budgets)
    if settings.limits is not None:
        from penstock.pacing.keeper import GivesTurns

        yield GivesTurns(settings.limits)


def seams_for(settings: Settings) -> Iterator[Seam]:
    """What the rooms that are switched on add to a request's life."""
    if any(route.choose == "cheapest" for route in settings.routes.routes.values()):
        from penstock.lanes.seam import Lanes

        yield Lanes(settings.routes)
    if any(route.choose == "split" for route in settings.routes.routes.values()):
        from penstock.splits.seam import Splits

        yield Splits()
    if any(route.choose == "cascade" for route in settings.routes.routes.values()):
        from penstock.cascades.seam import Cascades

        yield Cascades()
    if any(route.similar is not None for route in settings.routes.routes.values()):
        from penstock.similar.seam import Similars

        yield Similars()
    if any(target.lane == "background" for target in settings.routes.targets.values()):
        from penstock.background.seam import Background

        yield Background()
    if settings.batches_topic is not None:
        from penstock.batches.seam import Piles

        yield Piles()
    if settings.runs_topic is not None:
        from penstock.runs.seam import Members

        yield Members()
    if settings.budgets is not None:
        from penstock.budgets.seam import Budgets

        yield Budgets(settings.budgets)
    if settings.limits is not None:
        from penstock.pacing.seam import Paces

        yield Paces(settings.limits)
    if settings.callbacks_topic is not None:
        from penstock.callbacks.seam import Callbacks

        yield Callbacks()
    if settings.door is not None:
        from penstock.door.seam import Door

        yield Door(keys=settings.door == "keys")
    if settings.console is not None:
        from penstock.pulse.seam import Pulse

        yield Pulse()
    if settings.traces is not None:
        from penstock.traces.sampling import Sampling
        from penstock.traces.seam import Traces

        _check_exporter()
        sampling = Sampling(settings.traces_share, settings.traces_slow_s / settings.time_scale)
        yield Traces(sampling, partial(_collector, settings.traces, settings.project))


def _check_exporter() -> None:
    """A collector is named: what sends to it must be there, and is not loaded yet."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise SettingsError(
            [
                "PENSTOCK_TRACES is set, and what sends traces is not installed: "
                "pip install 'penstock[traces]', or set it to off."
            ]
        )


def _collector(endpoint: str, project: str) -> Collector:
    from penstock.adapters.traces.collector import Exporter, ThreadedCollector

    def make_exporter() -> Exporter:
        from penstock.adapters.traces.otlp import OtlpExporter

        return OtlpExporter(endpoint, project)

    return ThreadedCollector(make_exporter)
