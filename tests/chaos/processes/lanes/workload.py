"""What a seed asks of lanes, beside what every seed asks: who can wait, and who cannot beside them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.processes.workload import Kind, Writer

#: Long enough for a batch to be likely in time, in seconds.
_PATIENT_S = 30_000
#: What a line may meet at first; the last is final for its request alone.
_MET = ("status code=429 times=1", "status code=503 times=2", "status code=500 times=1", "status code=400")


def _patient(w: Writer, at: float) -> None:
    w.ask(at, model="lazy", max_wait_s=_PATIENT_S)


def _refused(w: Writer, at: float) -> None:
    w.ask(at, model="lazy", max_wait_s=_PATIENT_S, behaviour=w.rng.choice(_MET))


def _shared(w: Writer, at: float) -> None:
    """The same question by some who can all wait."""
    number, tenant = w.rng.randrange(10**6), w.rng.choice(("acme", "globex"))
    for _ in range(w.rng.randint(2, 3)):
        soon = at + 3 * w.rng.random()
        w.ask(soon, prompt_id=f"patient{number}", tenant=tenant, model="lazy", max_wait_s=_PATIENT_S)


def _hurried(w: Writer, at: float) -> None:
    """No deadline: on the same route, at once."""
    w.ask(at, model="lazy")


def _republished(w: Writer, at: float) -> None:
    body = w.ask(at, model="lazy", max_wait_s=_PATIENT_S)
    w.send(at + w.rng.choice((0.0, 2.0, 9.0)), body)


def _conflicting(w: Writer, at: float) -> None:
    body = w.ask(at, model="lazy", max_wait_s=_PATIENT_S)
    w.send(at + w.rng.choice((0.0, 4.0)), {**body, "prompt": f"{body['prompt']} Really?"})


#: About as many as of all the others together.
KINDS: Mapping[Kind, float] = {
    _patient: 50, _refused: 15, _shared: 10, _hurried: 10, _republished: 5, _conflicting: 3,
}  # fmt: skip
