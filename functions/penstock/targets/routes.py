"""Routes: a model alias and the ordered targets that may answer for it (docs/design.md §2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.errors import BadMessage, SettingsError
from penstock.messages.request import LONGEST_WAIT_S
from penstock.money.lane import Lane
from penstock.targets.address import ADDRESS
from penstock.targets.checks import Check
from penstock.targets.job_faults import job_faults
from penstock.targets.route_faults import faults_of, read_json
from penstock.targets.similarity import Similar
from penstock.timing import Timing
from penstock.written import MODEL_LIMIT

#: More than any model writes at once; a larger number is a slip of the hand.
MOST_TOKENS: Final = 10_000_000

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
_Experiment = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_Weight = Annotated[float, Field(gt=0, le=1e6)]


class Target(BaseModel):
    """One (provider, model, lane) that can answer. `price` names the price book's entry."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: _Name
    provider: Literal["openai", "tgi", "offline"]
    model: str = Field(min_length=1, max_length=MODEL_LIMIT)
    base_url: str | None = Field(default=None, pattern=ADDRESS)
    #: A Secret Manager version, or None: the local key, or an ID token where `auth` says so.
    secret: str | None = Field(default=None, pattern=r"^projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?$")
    #: The function's own identity is the key: `id_token` to a private Cloud Run service, `access_token` to
    #: Google's own models.
    auth: Literal["key", "id_token", "access_token"] = "key"
    timeout_s: float = Field(default=120, gt=0, le=Timing().provider_budget_s)
    #: The name under which the server takes a request's `max_tokens`, where its address and model do not tell
    #: (adapters/providers/params.py): a gateway or a deployment of one's own naming.
    max_tokens_as: Literal["max_tokens", "max_completion_tokens"] | None = None
    #: The longest answer of a request that sets no `max_tokens` itself, in tokens; None: the provider's own.
    max_output: int | None = Field(default=None, ge=1, le=MOST_TOKENS)
    #: What an openai server is asked for; what the answer costs, the tier that it names decides.
    service_tier: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    #: Whether OpenAI is told which questions begin alike, so that it remembers the beginning.
    prompt_cache: bool | None = None
    #: Whether an openai server is asked how likely its words were to it, which a cascade's check can go by.
    logprobs: bool | None = None
    max_concurrency: int = Field(default=200, ge=1, le=10_000)
    price: str | None = None
    #: A self-hosted engine that sleeps while nobody asks: one call wakes it, the others park meanwhile.
    scales_to_zero: bool = False
    #: `batch`: requests wait in a pile, and go out many in a file. `background`: the provider keeps the call,
    #: and is asked after it.
    lane: Literal["sync", "background", "batch"] = "sync"
    #: Of background: how long the provider may take, at a discount; None: it begins at once, at its price.
    window: Literal["2h", "8h"] | None = None
    #: Of a batch: who works it off, within how many seconds, and how much goes into one.
    runner: Literal["openai", "job"] = "openai"
    #: Of runner job: where its files lie, a bucket or a folder; and what works them off: a Cloud Run job, or
    #: jobs of Google Cloud Batch on Spot VMs at `spot`, or a process on this machine, beside the engine at
    #: `base_url`.
    drain: str | None = Field(default=None, min_length=1, max_length=1024)
    job: str | None = Field(default=None, pattern=r"^projects/[^/]+/locations/[^/]+/jobs/[^/]+$")
    spot: str | None = Field(default=None, pattern=r"^projects/[^/]+/locations/[^/]+$")
    #: A pile of fewer wakes no machine: who waits in it is asked at once when the time comes.
    min_lines: int = Field(default=1, ge=1, le=50_000)
    window_s: int = Field(default=86_400, ge=60, le=31 * 86_400)
    max_lines: int = Field(default=5_000, ge=1, le=50_000)
    max_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, le=200 * 1000 * 1000)

    @property
    def rented(self) -> bool:
        """Whether a machine in the cloud works its batches off, which needs no key."""
        return self.job is not None or self.spot is not None

    @property
    def waits(self) -> bool:
        """Whether nobody waits for its answer: it comes hours later, if need be."""
        return self.lane != "sync"

    @property
    def asked_in(self) -> Lane:
        """The lane of a call of its own, as its price goes; a line of a batch is none."""
        if self.lane != "background":
            return Lane.SYNC
        return Lane(f"background-{self.window}") if self.window else Lane.BACKGROUND

    @property
    def priced_as(self) -> str:
        return self.price or self.model

    def effective(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a request's params mean here: its own `max_tokens`, else this target's `max_output`."""
        if self.max_output is None or "max_tokens" in params:
            return params
        return {**params, "max_tokens": self.max_output}


class Route(BaseModel):
    """Targets in the order in which they are asked; `fallback` allows going on to the next one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fallback: bool = False
    #: `cheapest`: each request is planned (penstock/lanes), and every target may be the one; `fallback` then
    #: speaks of failures alone.
    #: `split`: each request draws the target that it asks first (penstock/splits).
    #: `cascade`: an answer that its target's check refuses leads on to the next one (penstock/cascades).
    choose: Literal["order", "cheapest", "split", "cascade"] = "order"
    #: Seconds that a request is planned for which names no deadline itself; None: it is answered at once.
    patience: float | None = Field(default=None, ge=0, le=LONGEST_WAIT_S)
    #: How likely a target must be to answer in time.
    confidence: float = Field(default=0.95, gt=0, lt=1)
    #: Of a split: its name, which is also what the draw depends on, and how often each target is drawn;
    #: a target without a weight is asked only after others.
    experiment: _Experiment | None = None
    weights: dict[_Name, _Weight] = Field(default_factory=dict)
    #: Of a cascade: what the answer of each target but the last must be.
    checks: dict[_Name, Check] = Field(default_factory=dict)
    #: Whether an answer may be that of a similar question, for who asks so (penstock/similar).
    similar: Similar | None = None
    targets: list[Target] = Field(min_length=1)

    @property
    def eligible(self) -> list[Target]:
        """The targets that may answer a request of this route, in order."""
        return self.targets if self.fallback or self.choose == "cascade" else self.targets[:1]

    @property
    def asked_last(self) -> set[str]:
        """The targets after which there may be no other to ask; where one is chosen, it may be any."""
        if self.choose not in ("order", "cascade"):
            return {target.name for target in self.targets}
        return {self.eligible[-1].name}

    def scaled(self, by: float) -> Route:
        """The same route with every duration divided by `by`."""
        targets = [target.model_copy(update={"timeout_s": target.timeout_s / by}) for target in self.targets]
        patience = None if self.patience is None else self.patience / by
        return self.model_copy(update={"targets": targets, "patience": patience})


@dataclass(frozen=True, slots=True)
class Routes:
    """Every alias, and the one that answers where a request names none."""

    default: str
    routes: Mapping[str, Route]

    def resolve(self, alias: str | None) -> Route:
        """Raises BadMessage for an alias that no route has."""
        route = self.routes.get(alias or self.default)
        if route is None:
            known = ", ".join(sorted(self.routes))
            raise BadMessage(f"The field model must be the alias of a route; this deployment has: {known}.")
        return route

    def scaled(self, by: float) -> Routes:
        """The same routes with every timeout divided by `by` (PENSTOCK_TIME_SCALE)."""
        if by == 1:
            return self
        return Routes(self.default, {alias: route.scaled(by) for alias, route in self.routes.items()})

    @property
    def targets(self) -> dict[str, Target]:
        """Every target by its name."""
        return {target.name: target for route in self.routes.values() for target in route.targets}


class _Routes(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    default: str
    routes: dict[_Name, Route] = Field(min_length=1)


def parse_routes(text: str) -> Routes:
    """The routes of a JSON text. Raises SettingsError that names every fault."""
    try:
        parsed = _Routes.model_validate(read_json(text))
    except ValidationError as error:
        raise SettingsError(faults_of(error)) from None
    faults = _cross_faults(parsed)
    if faults:
        raise SettingsError(faults)
    return Routes(parsed.default, parsed.routes)


def single_route(target: Target, *aliases: str) -> Routes:
    """One target behind every alias: the local way without a routes file."""
    route = Route(targets=[target])
    return Routes(aliases[0], dict.fromkeys(aliases, route))


_OPENAI_ALONE: Final = ("max_tokens_as", "service_tier", "prompt_cache", "logprobs")
_OF_A_BATCH: Final = ("runner", "window_s", "max_lines", "max_bytes", "min_lines", "drain", "job", "spot")


def _cross_faults(parsed: _Routes) -> list[str]:
    faults = []
    if parsed.default not in parsed.routes:
        faults.append(f"PENSTOCK_ROUTES: default names {parsed.default!r}, which is no route.")
    seen: dict[str, Target] = {}
    experiments: set[str] = set()
    dimensions: set[int] = set()
    for alias, route in parsed.routes.items():
        faults += [
            f"PENSTOCK_ROUTES: route {alias!r} has a {field}, which only choose: cheapest uses: leave it out."
            for field in ("patience", "confidence")
            if route.choose != "cheapest" and field in route.model_fields_set
        ]
        faults += _waiting_faults(alias, route)
        if any(target.lane == "background" or target.window is not None for target in route.targets):
            from penstock.targets.background_faults import background_faults  # nobody else needs it

            faults += background_faults(alias, route)
        if route.choose == "split" or route.experiment is not None or route.weights:
            from penstock.targets.split_faults import split_faults  # nobody else needs it

            faults += split_faults(alias, route, experiments)
        if route.choose == "cascade" or route.checks:
            from penstock.targets.cascade_faults import cascade_faults  # nobody else needs it

            faults += cascade_faults(alias, route, Routes(parsed.default, parsed.routes).targets)
        if route.similar is not None:
            from penstock.targets.similar_faults import similar_faults  # nobody else needs it

            faults += similar_faults(alias, route.similar, Routes(parsed.default, parsed.routes), dimensions)
        for target in route.targets:
            if seen.setdefault(target.name, target) != target:
                faults.append(
                    f"PENSTOCK_ROUTES: route {alias!r} describes target {target.name!r} differently "
                    "than another route; give one of them another name."
                )
            if target.provider == "tgi" and target.base_url is None:
                faults.append(
                    f"PENSTOCK_ROUTES: target {target.name!r} is a tgi server and needs a base_url."
                )
            faults += [
                f"PENSTOCK_ROUTES: target {target.name!r} is no openai server, which alone takes "
                f"{field}: leave it out."
                for field in _OPENAI_ALONE
                if target.provider != "openai" and getattr(target, field) is not None
            ]
    return faults


def _waiting_faults(alias: str, route: Route) -> list[str]:
    """What a route with a target that waits lacks, so that nobody waits a day by accident."""
    waiting = [target for target in route.targets if target.lane == "batch"]
    faults = [
        f"PENSTOCK_ROUTES: target {target.name!r} has a {field}, which only lane: batch uses: leave it out."
        for target in route.targets
        for field in _OF_A_BATCH
        if target.lane != "batch" and field in target.model_fields_set
    ]
    if waiting and route.choose != "cheapest":
        faults.append(
            f"PENSTOCK_ROUTES: route {alias!r} has a target in lane batch: say choose: cheapest, which alone "
            "keeps deadlines."
        )
    if waiting and all(target.waits for target in route.targets):
        faults.append(
            f"PENSTOCK_ROUTES: route {alias!r} has targets in lanes that wait alone: add one that answers at "
            "once for who cannot wait."
        )
    for target in waiting:
        if target.logprobs is not None:
            faults.append(
                f"PENSTOCK_ROUTES: target {target.name!r} is in lane batch, which tells no logprobs: "
                "leave it out."
            )
        if target.min_lines > target.max_lines:
            faults.append(
                f"PENSTOCK_ROUTES: target {target.name!r} has min_lines above its max_lines: "
                "no batch is so long."
            )
        if target.max_output is None:
            faults.append(
                f"PENSTOCK_ROUTES: target {target.name!r} is in lane batch: give it a max_output, so that "
                "its price can be told before it is asked."
            )
        faults += [f"PENSTOCK_ROUTES: target {target.name!r} {fault}" for fault in job_faults(target)]
        if target.provider != "openai":
            faults.append(
                f"PENSTOCK_ROUTES: target {target.name!r} is in lane batch, which only an openai server has."
            )
    return faults
