"""The seeded disorder of deliveries."""

from __future__ import annotations

from penstock_ops.emulation.disorder import ORDERLY, Disorder, Plan

MESSAGES = [str(n) for n in range(2000)]


def share(disorder: Disorder, what: str) -> float:
    plans = [disorder.plan(message, 1) for message in MESSAGES]
    counts = {
        "dropped": sum(not plan.copies_after_s for plan in plans),
        "doubled": sum(len(plan.copies_after_s) == 2 for plan in plans),
        "lost": sum(plan.answer_lost for plan in plans),
        "delayed": sum(plan.copies_after_s[:1] not in ((), (0.0,)) for plan in plans),
    }
    return counts[what] / len(MESSAGES)


def test_order_is_one_delivery_at_once() -> None:
    assert {ORDERLY.plan(message, attempt) for message in MESSAGES for attempt in (1, 2)} == {Plan()}


def test_a_plan_depends_on_seed_message_and_attempt_alone() -> None:
    disorder = Disorder(seed=1, duplicate=0.5, delay=0.5, drop=0.3)
    plans = [disorder.plan(message, 1) for message in MESSAGES]
    assert plans == [Disorder(seed=1, duplicate=0.5, delay=0.5, drop=0.3).plan(m, 1) for m in MESSAGES]
    assert plans != [disorder.plan(message, 2) for message in MESSAGES]
    assert plans != [Disorder(seed=2, duplicate=0.5, delay=0.5, drop=0.3).plan(m, 1) for m in MESSAGES]


def test_each_probability_is_met() -> None:
    for what, disorder in {
        "dropped": Disorder(drop=0.3),
        "doubled": Disorder(duplicate=0.3),
        "lost": Disorder(lose_answer=0.3),
        "delayed": Disorder(delay=0.3),
    }.items():
        assert 0.25 < share(disorder, what) < 0.35


def test_a_delay_stays_below_its_limit() -> None:
    disorder = Disorder(delay=1, duplicate=1, max_delay_s=0.25)
    delays = [delay for message in MESSAGES for delay in disorder.plan(message, 1).copies_after_s]
    assert min(delays) > 0
    assert max(delays) < 0.25


def test_one_probability_does_not_change_what_another_does() -> None:
    def doubled(disorder: Disorder) -> list[bool]:
        return [len(disorder.plan(message, 1).copies_after_s) == 2 for message in MESSAGES]

    assert doubled(Disorder(duplicate=0.3)) == doubled(Disorder(duplicate=0.3, delay=0.9, lose_answer=0.9))
