"""One engine behind a URL: who it is, what is in force, and one question at a time.

Both engines take OpenAI's chat completions. vLLM writes answers of exactly the asked length
(`ignore_eos`); TGI's end where the model ends, so its lengths are read back from `usage`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.metrics import EngineMetrics, parse_metrics

#: Statuses that mean "not now": TGI's overload, vLLM's full queue.
REJECTIONS = frozenset({429, 503})
#: Longest wait for one answer, in seconds.
ANSWER_LIMIT_S = 600.0
#: Longest wait for who-are-you questions, in seconds.
PROBE_LIMIT_S = 15.0


@dataclass(frozen=True)
class EngineInfo:
    """What the engine told about itself."""

    kind: str
    model: str
    max_total_tokens: int | None
    metrics: EngineMetrics | None
    #: Settings that the engine reveals, by our name.
    in_force: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """The outcome of one question. `status` 0: the connection broke or timed out."""

    status: int
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def completed(self) -> bool:
        return self.status == 200

    @property
    def rejected(self) -> bool:
        return self.status in REJECTIONS


class Endpoint:
    """An engine's HTTP interface. Use `async with Endpoint(url, token) as endpoint`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise TuneFault(f"the URL must begin with http:// or https://, not {url!r}")
        self.url = url.rstrip("/").removesuffix("/v1")
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._info: EngineInfo | None = None

    async def __aenter__(self) -> Endpoint:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=ANSWER_LIMIT_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    @property
    def info(self) -> EngineInfo:
        """What `identify` found; it must have run."""
        if self._info is None:
            raise RuntimeError("identify() has not run")
        return self._info

    async def identify(self) -> EngineInfo:
        """Find out engine, model and limits, and ask one small question.

        Raises TuneFault for an endpoint that is out of reach, refuses the token, or is no engine.
        """
        metrics = await self.read_metrics()
        models = await self._get_json("/v1/models")
        about = await self._get_json("/info") if metrics is None or metrics.kind == "tgi" else None
        if metrics is None and models is None and about is None:
            raise TuneFault(
                f"{self.url} answers, but neither as TGI nor as vLLM; is the URL the engine's own?"
            )
        kind = metrics.kind if metrics else ("tgi" if about and "model_id" in about else "vllm")
        self._info = EngineInfo(
            kind, _model(models, about), _limit(models, about), metrics, _in_force(metrics)
        )
        answer = await self._ask("Say hello.", 4, explain=True)
        if not answer.completed and not answer.rejected:
            raise TuneFault(f"{self.url} answered a small question with HTTP {answer.status}")
        return self._info

    async def read_metrics(self) -> EngineMetrics | None:
        """A reading of `/metrics`, or None when the endpoint shows none (a gateway in front, say)."""
        status, text = await self._get("/metrics")
        return parse_metrics(text) if status == 200 else None

    async def ask(self, prompt: str, output_tokens: int) -> Answer:
        """Ask for `output_tokens` tokens; what the engine or the network does is in the answer.

        Raises TuneFault when the token is refused.
        """
        return await self._ask(prompt, output_tokens, explain=False)

    async def _ask(self, prompt: str, output_tokens: int, explain: bool) -> Answer:
        assert self._session
        body: dict[str, Any] = {
            "model": self.info.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": output_tokens,
        }
        if self.info.kind == "vllm":
            body["ignore_eos"] = True
        try:
            async with self._session.post(f"{self.url}/v1/chat/completions", json=body) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            if explain:
                raise TuneFault(f"{self.url} broke off while answering: {type(error).__name__}") from None
            return Answer(0)
        self._refuse_token(status)
        return _answer(status, text, self.url if explain else None)

    async def _get_json(self, path: str) -> dict[str, Any] | None:
        status, text = await self._get(path)
        if status != 200:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    async def _get(self, path: str) -> tuple[int, str]:
        assert self._session
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                async with self._session.get(self.url + path) as response:
                    text = await response.text(errors="replace")
                    self._refuse_token(response.status)
                    return response.status, text
        except aiohttp.ClientConnectorError as error:
            raise TuneFault(f"cannot reach {self.url}: {_plain(error)}") from None
        except TimeoutError:
            raise TuneFault(f"{self.url} did not answer within {PROBE_LIMIT_S:.0f} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise TuneFault(f"{self.url} does not answer in HTTP: {type(error).__name__}") from None

    def _refuse_token(self, status: int) -> None:
        if status in (401, 403):
            what = "the token" if self._token else "access without a token"
            raise TuneFault(f"{self.url} refuses {what} (HTTP {status}); name its variable with --token-env")


def _answer(status: int, text: str, explain_for: str | None) -> Answer:
    if status != 200:
        return Answer(status)
    try:
        found = json.loads(text)
        usage = found["usage"]
        counts = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        if not found["choices"]:
            raise ValueError("no choice")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        if explain_for:
            raise TuneFault(f"{explain_for} answers a chat completion with something else") from None
        return Answer(0)
    return Answer(200, *counts)


def _model(models: dict[str, Any] | None, about: dict[str, Any] | None) -> str:
    try:
        return str((models or {})["data"][0]["id"])
    except (KeyError, IndexError, TypeError):
        return str((about or {}).get("model_id", "tgi"))


def _limit(models: dict[str, Any] | None, about: dict[str, Any] | None) -> int | None:
    try:
        limit = (models or {})["data"][0]["max_model_len"]
    except (KeyError, IndexError, TypeError):
        limit = (about or {}).get("max_total_tokens")
    return limit if isinstance(limit, int) and limit > 0 else None


def _in_force(metrics: EngineMetrics | None) -> dict[str, float]:
    if metrics is None or "batch_max_total_tokens" not in metrics.values:
        return {}
    return {"max_batch_total_tokens": metrics.values["batch_max_total_tokens"]}


def _plain(error: aiohttp.ClientConnectorError) -> str:
    cause = error.os_error
    return (cause.strerror or type(cause).__name__).lower() if cause else type(error).__name__
