"""The simulated batch API: files, jobs and a listing, and a line of the ledger for each that it works off.

What becomes of a line, the script of calls decides: `hangs` and `unreadable` are paid and leave no line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.completion import Completion, Usage
from penstock.messages.request import Request
from penstock.runner import Job, Problem
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance
from tests.chaos.loop import EPOCH
from tests.chaos.provider import Call, Kind, Ledger, Reply, question

T = TypeVar("T")
_UNPAID = frozenset({"throttled", "refused", "locked"})
_NO_LINE = frozenset({"hangs", "unreadable"})


@dataclass(slots=True)
class SimJob:
    """One job. `listed_at`: the listing may lag; `lines` are those that are not worked off yet."""

    name: str
    file: str
    mark: Mapping[str, str]
    by: str
    target: str
    at: float
    lines: list[dict[str, Any]]
    listed_at: float = 0.0
    ended: bool = False
    settled_at: float = 0.0
    answers: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    problem: Problem | None = None
    #: The files that were deleted when it was created.
    gone: frozenset[str] = frozenset()


@dataclass(slots=True)
class SimBatches:
    """The provider. `takes_s`: from create to end; `lag_s`: what is created is listed so much later;
    `settles_s`: a job's files are there so much after its end; `both`: an answer has an error line too;
    `fails`: the next jobs fail so."""

    ledger: Ledger
    takes_s: float = 300.0
    lag_s: float = 0.0
    settles_s: float = 0.0
    both: bool = False
    shuffled: bool = False
    fails: list[Problem] = field(default_factory=list)
    #: A machine of our own, paid by its time; the next ones are killed after so many lines each.
    rented: bool = False
    kills: list[int] = field(default_factory=list)
    files: dict[str, list[bytes]] = field(default_factory=dict)
    jobs: dict[str, SimJob] = field(default_factory=dict)
    asked: dict[str, Request] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    #: Files that it does not delete when it is asked to.
    keeps: frozenset[str] = frozenset()
    #: Requests whose line brings down whoever reads it.
    deadly: frozenset[str] = frozenset()
    #: What it says to each upload, and to whoever asks after a job or a file.
    refuses: ProviderFailure | None = None
    denies: ProviderFailure | None = None
    #: Lines that nobody asked for, beside an answer's line once more.
    strange: bool = False

    def create(self, file: str, mark: Mapping[str, str], by: str, target: str) -> SimJob:
        if file not in self.files or file in self.deleted:
            raise ProviderFailure(FailureClass.FINAL, "simulated: no such file", status=400)
        now = _now()
        lines = [json.loads(line) for line in self.files[file]]
        name = f"job-{len(self.jobs)}"
        job = SimJob(name, file, mark, by, target, now, lines, now + self.lag_s)
        job.gone = frozenset(self.deleted)
        self.jobs[name] = job
        if self.fails:
            job.ended, job.problem = True, self.fails.pop(0)
        else:
            asyncio.get_running_loop().call_later(self.takes_s, self._work_off, job)
        return job

    def cancel(self, name: str) -> None:
        job = self.jobs[name]
        if not job.ended:
            self._end(job, [])

    def _work_off(self, job: SimJob) -> None:
        if not job.ended:
            self._end(job, job.lines[: self.kills.pop(0)] if self.kills else job.lines)

    def _end(self, job: SimJob, done: list[dict[str, Any]]) -> None:
        """What is not done is told as unfinished, and not paid."""
        job.ended, job.settled_at = True, _now() + self.settles_s
        for line in job.lines:
            if line in done:
                self._answer(job, line)
            elif not self.rented:
                job.errors.append(_line(line["custom_id"], {"kind": "throttled"}))
        if self.rented and not job.answers:
            job.problem = Problem.WHOLE
        if self.shuffled:
            job.answers.reverse()

    def _answer(self, job: SimJob, line: dict[str, Any]) -> None:
        reply = self.ledger.script(self.asked[line["custom_id"]], job.target, job.at)
        paid = reply.kind not in _UNPAID and reply.kind != "rejected"
        number = len(self.ledger.calls)
        call = Call(
            number, job.at, job.by, job.target, line["tenant"], line["request_id"], reply.kind, paid, _now()
        )  # fmt: skip
        self.ledger.calls.append(call)
        if reply.kind in _NO_LINE:
            return
        said = {"kind": reply.kind, "text": _text(line, job.target, number, reply)}
        failed = reply.kind in _UNPAID or reply.kind in ("rejected", "broken", "filtered")
        (job.errors if failed else job.answers).append(_line(line["custom_id"], said))
        if self.both and not failed:
            job.errors.append(_line(line["custom_id"], {"kind": "broken"}))
        if self.strange:
            job.answers += [*job.answers[-1:], _line("nobody", said), b"no line", b"", b"[]"]


def _text(line: Mapping[str, Any], target: str, number: int, reply: Reply) -> str:
    return f"{line['tenant']}|{target}|{line['asked']}|call {number}|" + "x" * reply.padding


def _line(name: str, said: Mapping[str, Any]) -> bytes:
    return json.dumps({"custom_id": name, "said": said}).encode()


class SimRunner:
    """The Runner port of one instance and target."""

    @property
    def by_line(self) -> bool:
        return not self._provider.rented

    def __init__(self, provider: SimBatches, target: str, instance: Instance) -> None:
        self._provider, self._target, self._instance = provider, target, instance

    def line(self, name: str, request: Request) -> bytes:
        said = {
            "custom_id": name, "tenant": request.tenant, "request_id": request.request_id,
            "asked": question(request), "messages": list(request.messages),
        }  # fmt: skip
        self._provider.asked[name] = request
        return json.dumps(said).encode()

    def read_line(self, data: bytes) -> tuple[str, Any] | None:
        try:
            line = json.loads(data)
            return line["custom_id"], line["said"]
        except (ValueError, KeyError, TypeError):
            return None

    def completion(self, said: Any, request: Request) -> Completion:
        if request.request_id in self._provider.deadly:
            self._instance.kill("a line")
        kind: Kind = said["kind"]
        if kind in _UNPAID:
            raise ProviderFailure(FailureClass.UNPAID, "simulated: not worked off")
        if kind == "broken":
            raise ProviderFailure(FailureClass.AMBIGUOUS, "simulated: 500", status=500)
        if kind == "rejected":
            raise ProviderFailure(FailureClass.FINAL, "simulated: 400", status=400)
        if kind == "filtered":
            reason = Reason.CONTENT_REFUSED
            raise ProviderFailure(FailureClass.FINAL, "simulated: filtered", reason=reason, status=400)
        return Completion(said["text"], (), "length" if kind == "cut" else "stop", Usage(10, 5), "sim-model")

    async def upload(
        self, name: str, lines: AsyncIterator[bytes], *, expires_s: float, timeout_s: float
    ) -> str:
        data = [line async for line in lines]

        async def effect() -> str:
            if self._provider.refuses is not None:
                raise self._provider.refuses
            file = f"file-{len(self._provider.files)}"
            self._provider.files[file] = data
            return file

        return await self._step("upload", effect, timeout_s)

    async def create(self, file: str, mark: Mapping[str, str], *, window_s: int, timeout_s: float) -> Job:
        async def effect() -> Job:
            return self._told(self._provider.create(file, mark, self._instance.name, self._target))

        return await self._step("create", effect, timeout_s)

    async def job(self, name: str, *, timeout_s: float) -> Job:
        async def effect() -> Job:
            if self._provider.denies is not None:
                raise self._provider.denies
            if name not in self._provider.jobs:
                raise ProviderFailure(FailureClass.FINAL, "simulated: 404", status=404)
            return self._told(self._provider.jobs[name])

        return await self._step("job", effect, timeout_s)

    async def since(self, when: datetime, *, timeout_s: float) -> list[Job]:
        async def effect() -> list[Job]:
            listed = [self._told(job) for job in self._provider.jobs.values() if job.listed_at <= _now()]
            return [job for job in listed if job.created_at >= when]

        return await self._step("since", effect, timeout_s)

    async def cancel(self, name: str, *, timeout_s: float) -> None:
        async def effect() -> None:
            self._provider.cancel(name)

        await self._step("cancel", effect, timeout_s)

    async def fetch(self, file: str, *, timeout_s: float) -> AsyncIterator[bytes]:
        async def effect() -> bytes:
            name, _, which = file.partition("/")
            job = self._provider.jobs.get(name)
            if job is None or file in self._provider.deleted:
                raise ProviderFailure(FailureClass.FINAL, "simulated: 404", status=404)
            lines = job.answers if which == "answers" else job.errors
            return b"".join(line + b"\n" for line in lines)

        yield await self._step("fetch", effect, timeout_s)

    async def delete(self, file: str, *, timeout_s: float) -> None:
        async def effect() -> None:
            if file in self._provider.keeps:
                raise ProviderFailure(FailureClass.UNPAID, "simulated: 503", status=503)
            self._provider.deleted.add(file)

        await self._step("delete", effect, timeout_s)

    async def reload_key(self) -> bool:
        return False

    async def close(self) -> None:
        """Nothing is held open."""

    def _told(self, job: SimJob) -> Job:
        settled = job.ended and _now() >= job.settled_at
        return Job(
            name=job.name, created_at=_wall(job.at), file=job.file, mark=job.mark, ended=job.ended,
            settled=settled, problem=job.problem, told="simulated", bad_lines=(0,),
            answers=(f"{job.name}/answers",) if settled and job.answers else (),
            errors=(f"{job.name}/errors",) if settled and job.errors else (),
        )  # fmt: skip

    async def _step(self, name: str, effect: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        return await self._instance.step(f"runner.{name}", effect, _lost, timeout_s)


def _lost(fault: Fault) -> Exception:
    if fault is Fault.ERROR_BEFORE:
        return ProviderFailure(FailureClass.UNPAID, "simulated: connection refused")
    return ProviderFailure(FailureClass.AMBIGUOUS, f"simulated: {fault}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _wall(at: float) -> datetime:
    return EPOCH + timedelta(seconds=at)
