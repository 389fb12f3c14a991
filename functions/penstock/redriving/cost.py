"""What a redrive may cost: one call a request, by the price book, with tokens guessed from lengths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from penstock.errors import BadMessage
from penstock.messages.completion import Usage
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Routes


@dataclass(slots=True)
class Estimate:
    """US dollars and tokens of some requests, if each is called once. Retries and fallbacks are not in it."""

    requests: int = 0
    prompt_tokens: int = 0
    input_usd: float = 0.0
    #: What the answers cost at most, of the requests that limit them by max_tokens.
    output_usd_at_most: float = 0.0
    #: Requests whose answer may be as long as the model likes: their output is in no figure.
    unlimited_answers: int = 0
    #: Requests whose price is unknown: in no figure of dollars.
    unknown_price: int = 0

    def as_json(self) -> dict[str, float]:
        return asdict(self) | {"estimated": True}


def estimate(
    requests: Iterable[Request], prices: PriceBook, *, routes: Routes | None, price: str | None = None
) -> Estimate:
    """The sum over `requests`; `price` names the price book's entry whatever the routes say."""
    total = Estimate()
    for request in requests:
        _add(total, request, prices, price or _priced_as(routes, request))
    return total


def _add(total: Estimate, request: Request, prices: PriceBook, price: str | None) -> None:
    asked = estimate_usage(request.messages, request.params, "")
    limit = request.params.get("max_tokens")
    total.requests += 1
    total.prompt_tokens += asked.prompt_tokens
    if price is None or prices.model(price) is None:
        total.unknown_price += 1
        return
    total.input_usd += prices.cost(price, asked).usd or 0.0
    total.output_usd_at_most += prices.cost(price, Usage(0, limit or 0)).usd or 0.0
    total.unlimited_answers += limit is None


def _priced_as(routes: Routes | None, request: Request) -> str | None:
    """The price of the first target, which is asked first."""
    if routes is None:
        return None
    try:
        return routes.resolve(request.model).targets[0].priced_as
    except BadMessage:
        return None
