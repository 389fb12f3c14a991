"""What a network may do to deliveries, on purpose and by a seed: duplicates, delays, losses."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one delivery.

    `copies_after_s`: when to POST each copy, in seconds from now; empty: it is lost on its way, and comes
    again. `answer_lost`: the endpoint is asked, but its answer never arrives, so the delivery comes again.
    """

    copies_after_s: tuple[float, ...] = (0.0,)
    answer_lost: bool = False


@dataclass(frozen=True, slots=True)
class Disorder:
    """Probabilities from 0 to 1, each for itself; delays of up to `max_delay_s` reorder deliveries.

    The plan is a function of (seed, message id, attempt) alone, so a run can be repeated.
    """

    seed: int = 0
    duplicate: float = 0.0
    delay: float = 0.0
    drop: float = 0.0
    lose_answer: float = 0.0
    max_delay_s: float = 1.0

    def plan(self, message_id: str, attempt: int) -> Plan:
        """What becomes of the `attempt`-th delivery of this message."""
        dice = random.Random(f"{self.seed}:{message_id}:{attempt}")  # noqa: S311  # disorder, no secret
        # Every die is thrown every time, so that one probability does not change the others' outcomes.
        dropped, doubled, lost = (dice.random() for _ in range(3))
        delays = tuple(
            dice.random() * self.max_delay_s if dice.random() < self.delay else 0.0 for _ in range(2)
        )
        if dropped < self.drop:
            return Plan(())
        copies = delays if doubled < self.duplicate else delays[:1]
        return Plan(copies, lost < self.lose_answer)


#: Every delivery once, at once, and answered.
ORDERLY = Disorder()
