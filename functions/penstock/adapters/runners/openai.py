"""The runner `openai`: Files and the Batch API of OpenAI, and of whoever speaks them, by OpenAI's own SDK.

Importing this module imports the SDK, which only a batcher does. It is told to try nothing twice: what an
unknown outcome means is decided above.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx2
import openai
from openai import AsyncOpenAI

from penstock.adapters.providers import transport_failures
from penstock.adapters.providers.failures import (
    NO_ANSWER_IN_TIME,
    innermost,
    of_status,
    unexpected,
)
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once, reload
from penstock.adapters.providers.openai import OPENAI_URL
from penstock.adapters.runners.chat_lines import ENDPOINT, ChatLines
from penstock.adapters.runners.openai_job import job_of
from penstock.errors import ProviderFailure
from penstock.runner import Job
from penstock.targets.retry_after import retry_after_s

T = TypeVar("T")

#: Bounds of a file's life there, in seconds (API reference, files, expires_after).
_LEAST_S, _MOST_S = 3600, 2_592_000
_PIECE: Final = 1024 * 1024
#: Of a job that has ended, or is gone: there is nothing to call back.
_OVER: Final = frozenset({400, 404, 409})


class OpenAIRunner(ChatLines):
    """One model at one address."""

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        key: Key | None = None,
        max_tokens_as: str | None = None,
    ) -> None:
        super().__init__(model, base_url or OPENAI_URL, max_tokens_as)
        self._key = key
        self._client = AsyncOpenAI(
            api_key="given with each call", base_url=self._base_url, max_retries=0,
            http_client=httpx2.AsyncClient(trust_env=False),
        )  # fmt: skip

    async def upload(
        self, name: str, lines: AsyncIterator[bytes], *, expires_s: float, timeout_s: float
    ) -> str:
        # By way of a file: the SDK reads what it sends itself, and what `lines` raises is raised here.
        with tempfile.TemporaryFile() as spool:
            async for line in lines:
                spool.write(line)
            spool.seek(0)
            lasts = round(min(max(expires_s, _LEAST_S), _MOST_S))

            async def ask(headers: Mapping[str, str]) -> str:
                made = await self._client.files.create(
                    file=(name, spool), purpose="batch", extra_headers=headers,
                    expires_after={"anchor": "created_at", "seconds": lasts},
                )  # fmt: skip
                return made.id

            return await self._ask(ask, timeout_s)

    async def create(self, file: str, mark: Mapping[str, str], *, window_s: int, timeout_s: float) -> Job:
        window: Any = f"{window_s // 3600}h" if window_s % 3600 == 0 else f"{window_s // 60}m"

        async def ask(headers: Mapping[str, str]) -> Job:
            return job_of(
                await self._client.batches.create(
                    completion_window=window, endpoint=ENDPOINT, input_file_id=file, metadata=dict(mark),
                    extra_headers=headers,
                )
            )  # fmt: skip

        return await self._ask(ask, timeout_s)

    async def job(self, name: str, *, timeout_s: float) -> Job:
        async def ask(headers: Mapping[str, str]) -> Job:
            return job_of(await self._client.batches.retrieve(name, extra_headers=headers))

        return await self._ask(ask, timeout_s)

    async def since(self, when: datetime, *, timeout_s: float) -> list[Job]:
        async def ask(headers: Mapping[str, str]) -> list[Job]:
            found = []
            async for batch in self._client.batches.list(limit=100, extra_headers=headers):
                if datetime.fromtimestamp(batch.created_at, UTC) < when:
                    break  # the newest come first
                found.append(job_of(batch))
            return found

        return await self._ask(ask, timeout_s)

    async def cancel(self, name: str, *, timeout_s: float) -> None:
        async def ask(headers: Mapping[str, str]) -> None:
            try:
                await self._client.batches.cancel(name, extra_headers=headers)
            except openai.APIStatusError as error:
                if error.status_code not in _OVER:
                    raise

        await self._ask(ask, timeout_s)

    async def fetch(self, file: str, *, timeout_s: float) -> AsyncIterator[bytes]:
        headers: dict[str, str] = {}

        async def begin(given: Mapping[str, str]) -> None:
            headers.update(given)

        await self._ask(begin, timeout_s)
        opened = self._client.files.with_streaming_response.content(
            file, extra_headers=headers, timeout=timeout_s
        )
        try:
            async with opened as reply:
                async for piece in reply.iter_bytes(_PIECE):
                    yield piece
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            failure = _of_error(error)
        else:
            return
        raise failure

    async def delete(self, file: str, *, timeout_s: float) -> None:
        async def ask(headers: Mapping[str, str]) -> None:
            try:
                await self._client.files.delete(file, extra_headers=headers)
            except openai.NotFoundError:
                return

        await self._ask(ask, timeout_s)

    async def reload_key(self) -> bool:
        return await reload(self._key)

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, ask: Callable[[Mapping[str, str]], Awaitable[T]], timeout_s: float) -> T:
        """One call with our key, which takes the place of the SDK's own."""

        async def with_key(given: Mapping[str, str]) -> T:
            return await ask({"Authorization": given["authorization"]})

        return await call_once(with_key, key=self._key, timeout_s=timeout_s, of_error=_of_error)


def _of_error(error: BaseException) -> ProviderFailure:
    """What an error of the SDK means; nothing of its own text gets in."""
    if isinstance(error, openai.APIStatusError):
        wait = retry_after_s(error.response.headers, datetime.now(UTC))
        return of_status(error.status_code, {"error": error.body}, wait)
    verdict = innermost(error, transport_failures.VERDICTS)
    if verdict is not None:
        return verdict.failure()
    return NO_ANSWER_IN_TIME.failure() if isinstance(error, TimeoutError) else unexpected(error)
