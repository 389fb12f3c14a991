"""Planted bugs: each is applied alone to a copy of functions/, and a named test must notice it.

A mutant that survives says that the tests do not see that part of the promise. `EDITS` are literal texts,
each of which must occur exactly once: a change of the code that makes one obsolete fails test_mutants.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_PENSTOCK = Path("functions/penstock")

_ONE = "tests/unit/stories/test_one_request.py::"
_LEASES = "tests/unit/stories/test_leases.py::"
_FAILURES = "tests/unit/stories/test_failures.py::"
_FLIGHT = "tests/unit/stories/test_single_flight.py::"
_OUTBOX = "tests/unit/stories/test_outbox.py::"


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` becomes `new` in the file below functions/penstock."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug and the test that must fail with it."""

    name: str
    test: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`killed`: the named test failed, as it must. `seconds` are real ones."""

    mutant: str
    test: str
    killed: bool
    output: str


def _one(name: str, test: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, test, (Edit(file, old, new),))


MUTANTS: tuple[Mutant, ...] = (
    _one("drop the fence: whoever holds the document, we write", _LEASES + "test_a_sleeper_that_was_replaced_writes_nothing_more",
         "holder.py", "        if not ours:\n", "        if False:\n"),
    Mutant("take the version of a document that is somebody else's", _LEASES + "test_a_sleeper_that_learns_of_its_loss_while_renewing_parks_nothing", (
        Edit("holder.py", "        fields = found.fields or {}\n", "        fields = found.fields or {}\n        self._version = found.version\n"),
        Edit("holder.py", "        if self._lost:\n            raise FencedOut\n        new = ", "        new = "),
    )),
    _one("ack early: an unclaimed message is acked", _ONE + "test_while_the_store_is_out_of_reach_messages_come_again",
         "handle.py", "{type(error).__name__}.\")\n        return Verdict.NACK", "{type(error).__name__}.\")\n        return Verdict.ACK"),
    _one("no outbox: a saved result is not due", _OUTBOX + "test_a_result_that_could_not_be_published_is_published_later",
         "rules/transitions.py", "due_at=sharded(record.tenant, record.request_id, now + timedelta(seconds=timing.republish_s)),", "due_at=None,"),
    Mutant("tenant out of the cache", _FLIGHT + "test_what_is_not_the_same_question_is_asked_itself", (
        Edit("rules/keys.py", '        "tenant": request.tenant,\n        "provider"', '        "provider"'),
        Edit("rules/keys.py", 'f"tenants/{tenant}/cache/{key}"', 'f"tenants/shared/cache/{key}"'),
    )),
    _one("parameters out of the cache key", _FLIGHT + "test_what_is_not_the_same_question_is_asked_itself",
         "rules/keys.py", '        "params": dict(request.params),\n', ""),
    _one("the answering target out of the cache key", _FLIGHT + "test_a_fallback_answer_is_kept_under_the_target_that_gave_it",
         "save.py", "    key = _key(incoming.request, outcome.target)\n    return", "    key = _key(incoming.request, incoming.targets[0])\n    return"),
    _one('"owner is mine" counts as saved', _LEASES + "test_a_claim_and_a_save_of_unknown_outcome_are_looked_up_and_not_paid_again",
         "holder.py", '        if fields.get("write_id") == new.write_id:', '        if fields.get("owner") == self.record.owner:'),
    Mutant("owner per instance", _ONE + "test_two_deliveries_to_one_instance_do_not_trust_each_other", (
        Edit("claim.py", "        self._owner = s.new_id()\n", '        self._owner = f"{id(s)}"\n'),
        Edit("claim.py", "        if record is not None and record.write_id in self._sent:\n            return await self._landed(look, *self._sent[record.write_id])\n",
             "        if record is not None and record.owner == self._owner:\n            return Holder(self._s, record, look.request.version, self._lease)\n"),
    )),
    _one("blind write where the document is there already", _ONE + "test_publishing_again_brings_the_stored_result_again",
         "claim.py", "        write: Write = Create(self._path, record.encode())\n", "        from penstock.ports import Put\n        write: Write = Put(self._path, record.encode())\n"),
    _one("nack a live lease", _LEASES + "test_a_redelivery_that_meets_a_live_lease_is_acked",
         "rules/lifecycle.py", "    Seen.LEASED: _row(              _A.ACK,       _A.ACK, ", "    Seen.LEASED: _row(              _A.RETURN,    _A.RETURN, "),
    _one("park behind a leader without looking again", _FLIGHT + "test_a_follower_looks_again_after_it_has_parked",
         "claim.py", "                return None  # parked; now look again", "                return Settled(Action.ACK, waiting)  # parked; now look again"),
    _one("ask again after a refusal", _FAILURES + "test_what_the_provider_refuses_is_asked_once",
         "rules/retry.py", "            return Fail(failure.reason, failure.message)", "            return Park(10.0)"),
    _one("count a throttled call as a try", _FAILURES + "test_an_hour_of_throttling_counts_nothing",
         "call.py", "        self._tries += failure.kind is FailureClass.AMBIGUOUS\n", "        self._tries += 1\n"),
    _one("take over while the lease lives", _LEASES + "test_a_live_holder_keeps_its_lease_through_a_call_that_is_longer_than_it",
         "rules/lease.py", "    return read_at > record.lease_until + timedelta(seconds=timing.lease_grace_s)", "    return read_at > record.lease_until - timedelta(seconds=70)"),
    _one("never renew", _LEASES + "test_a_live_holder_keeps_its_lease_through_a_call_that_is_longer_than_it",
         "holder.py", "        while not done.is_set() and not self._lost:\n", "        while False:\n"),
    _one("call without a look at the lease", _LEASES + "test_a_holder_that_slept_through_its_lease_starts_no_call",
         "call.py", "                await self._holder.ensure(self._s.timing.lease_reserve_s)\n", ""),
    _one("take over for ever", _LEASES + "test_three_holders_that_disappear_end_the_request",
         "call.py", "MAX_TAKEOVERS = 3", "MAX_TAKEOVERS = 99"),
    _one("ten times as many tries", _FAILURES + "test_an_ambiguous_failure_is_tried_six_times_over_a_quarter_of_an_hour",
         "rules/retry.py", "MAX_TRIES = 6", "MAX_TRIES = 60"),
    _one("the failed result before its dead letter", _OUTBOX + "test_the_dead_letter_goes_out_before_the_failed_result",
         "deliver.py", "        if not record.completed:\n            await _publish_dead_letter(s, record)\n        data, attributes = response_message(result, record.traceparent)\n        await s.bus.publish(s.topics.response, data, attributes, timeout_s=s.timing.publish_s)\n",
         "        data, attributes = response_message(result, record.traceparent)\n        await s.bus.publish(s.topics.response, data, attributes, timeout_s=s.timing.publish_s)\n        if not record.completed:\n            await _publish_dead_letter(s, record)\n"),
    _one("delete before it is delivered", _OUTBOX + "test_nothing_is_deleted_before_it_is_delivered",
         "rules/transitions.py", "        result=result.encode(),\n", "        result=result.encode(),\n        expires_at=now + timedelta(days=31),\n"),
    _one("count every copy of a result", _OUTBOX + "test_a_result_that_comes_twice_is_counted_once",
         "respond.py", "        if record.confirmed_at is not None or record.redrive_count", "        if record.redrive_count"),
    _one("pay after the deadline", _FAILURES + "test_past_the_deadline_nothing_is_paid",
         "call.py", "        if self._s.clock.now() >= record.deadline:\n", "        if False:\n"),
    _one("redrive what has a result", _OUTBOX + "test_what_has_a_result_is_never_redriven",
         "rules/lifecycle.py", "    Seen.COMPLETED_CONFIRMED: _row( _A.ACK,       _A.PUBLISH,   _A.DEAD_LETTER,  _A.ACK,       _A.PUBLISH),",
         "    Seen.COMPLETED_CONFIRMED: _row( _A.ACK,       _A.PUBLISH,   _A.DEAD_LETTER,  _A.ACK,       _A.REOPEN),"),
    _one("the old deadline after a redrive", _OUTBOX + "test_a_redrive_brings_its_own_deadline",
         "rules/transitions.py", "        deadline=deadline,\n        message_id=message_id,", "        message_id=message_id,"),
    _one("the fence stays at a take-over", _LEASES + "test_a_dead_holder_is_replaced_after_its_lease_and_not_before",
         "rules/transitions.py", "    return replace(unknown, fence=old.fence + 1, ", "    return replace(unknown, fence=old.fence, "),
    _one("take a flight without compare-and-set", _FLIGHT + "test_two_followers_of_a_dead_leader_do_not_both_take_its_flight",
         "claim.py", "        return [Update(path, fields, look.cache.version)]", "        from penstock.ports import Merge\n        return [Merge(path, fields)]"),
    _one("look at the leader one followed, not at who flies", _FLIGHT + "test_a_follower_that_outlived_two_leaders_waits_for_the_third",
         "claim.py", "            look.flier,\n", "            look.leader or look.flier,\n"),
    _one("keep a truncated answer", _FLIGHT + "test_a_truncated_answer_is_neither_kept_nor_shared",
         "save.py", "key if outcome.completion.whole else None", "key"),
    _one("share a leader's bad luck", _FLIGHT + "test_a_leaders_bad_luck_is_its_own",
         "rules/flight.py", '_SHARED = frozenset({"content_refused", "provider_rejected"})', '_SHARED = frozenset({"content_refused", "provider_rejected", "attempts_exhausted"})'),
    _one("wait for a leader that is put aside too long", _FLIGHT + "test_nobody_waits_for_a_leader_that_is_put_aside_beyond_his_deadline",
         "rules/flight.py", "    return leader.not_before + timedelta(seconds=timing.follow_s) <= record.deadline", "    return True"),
    _one("cache deliberate randomness", _FLIGHT + "test_deliberate_randomness_is_asked_anew_unless_the_client_wants_the_cache",
         "rules/flight.py", '        return not request.params.get("temperature")', "        return True"),
    _one("ack a conflict without a dead letter", _ONE + "test_another_payload_under_the_same_id_is_a_conflict_and_the_first_is_kept",
         "handle.py", "        case Action.DEAD_LETTER:\n", "        case Action.DEAD_LETTER if False:\n"),
    _one("ack what no dead letter could be published for", _ONE + "test_a_conflict_waits_for_the_dead_letter_topic",
         "handle.py", "    except (PublishFailed, BlobError):\n        return Verdict.NACK", "    except (PublishFailed, BlobError):\n        return Verdict.ACK"),
    _one("the deadline counts as payload", _ONE + "test_a_retry_with_another_deadline_is_the_same_request",
         "messages/request.py", '_NOT_PAYLOAD: Final = frozenset({"request_id", "tenant", "deadline", "max_wait_s"})', '_NOT_PAYLOAD: Final = frozenset({"request_id", "tenant"})'),
    _one("the sweeper wakes nobody", _OUTBOX + "test_a_result_that_could_not_be_published_is_published_later",
         "sweep.py", "        await publish_wake(s, record)\n", ""),
    _one("Retry-After is ignored", _FAILURES + "test_throttled_is_put_aside_until_the_provider_wants_it_again",
         "rules/retry.py", "    return min(retry_after_s, timing.retry_after_max_s)", "    return 0.0"),
    _one("Retry-After is believed for years", _FAILURES + "test_an_absurd_retry_after_is_not_believed_for_more_than_an_hour",
         "rules/retry.py", "    return min(retry_after_s, timing.retry_after_max_s)", "    return retry_after_s"),
    _one("a paid answer that cannot be saved is thrown away", _LEASES + "test_an_answer_that_the_store_will_not_take_waits_in_the_bucket",
         "save.py", "        await _set_by(s, holder, answer)\n        raise StoreUnavailable", "        raise StoreUnavailable"),
    _one("an orphaned answer is forgotten", _LEASES + "test_an_orphaned_answer_is_used_by_the_next_holder",
         "save.py", "        await _orphan(s, holder, answer)\n        raise", "        raise"),
    _one("an answer of an earlier life is used", _OUTBOX + "test_an_answer_set_aside_in_an_earlier_life_is_not_given_to_another_question",
         "rules/keys.py", "/unsaved/{request_id}/{_stamp(created_at)}-{redrive_count}.json", "/unsaved/{request_id}/{redrive_count}.json"),
    _one("SIGTERM starts calls", _LEASES + "test_sigterm_starts_no_call_and_the_next_instance_answers",
         "call.py", "        return self._s.draining.is_set() or (", "        return ("),
    _one("a call that was cut off is not counted", _LEASES + "test_a_call_that_sigterm_cuts_off_is_recorded_and_released_at_once",
         "handle.py", "tries=record.tries + 1)", "tries=record.tries)"),
    _one("long payloads stay in the document", _ONE + "test_long_payloads_and_long_answers_lie_in_the_bucket",
         "incoming.py", "INLINE_LIMIT = 256 * 1024", "INLINE_LIMIT = 10 * 1024 * 1024"),
    _one("an id is never free again", _ONE + "test_an_id_is_free_again_after_its_retention_and_the_fence_goes_on",
         "rules/lifecycle.py", "        return Seen.RETIRED\n", "        pass\n"),
    _one("no fallback", _FAILURES + "test_a_broken_target_is_answered_for_by_the_next_one",
         "rules/routes.py", "        return self.targets if self.fallback else self.targets[:1]", "        return self.targets[:1]"),
    _one("a lost claim is not recognised", _LEASES + "test_a_claim_and_a_save_of_unknown_outcome_are_looked_up_and_not_paid_again",
         "claim.py", "        self._sent[record.write_id] = (record, self._lease)\n", ""),
)  # fmt: skip


def apply(mutant: Mutant, functions: Path) -> None:
    """Plant the bug in the copy below `functions`. Raises ValueError when an edit does not fit the code."""
    for edit in mutant.edits:
        path = functions / "penstock" / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise ValueError(f"{mutant.name}: found {text.count(edit.old)} times in {edit.file}: {edit.old!r}")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def unfitting() -> list[str]:
    """Every edit that the shipped code does not have exactly once."""
    faults = []
    for mutant in MUTANTS:
        for edit in mutant.edits:
            count = (REPOSITORY / _PENSTOCK / edit.file).read_text(encoding="utf-8").count(edit.old)
            if count != 1:
                faults.append(f"{mutant.name}: found {count} times in {edit.file}: {edit.old!r}")
    return faults


def baseline() -> str | None:
    """None when every named test passes on an unharmed copy, else the output."""
    tests = sorted({mutant.test for mutant in MUTANTS})
    passed, output = _run(None, tests)
    return None if passed else output


def hunt(mutants: Sequence[Mutant] = MUTANTS) -> Iterator[Verdict]:
    """Each planted bug, one at a time."""
    for mutant in mutants:
        passed, output = _run(mutant, [mutant.test])
        yield Verdict(mutant.name, mutant.test, not passed, output)


def _run(mutant: Mutant | None, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether `tests` pass with the bug planted (None: with none)."""
    with tempfile.TemporaryDirectory(prefix="penstock-mutant-") as folder:
        functions = Path(folder) / "functions"
        shutil.copytree(REPOSITORY / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            apply(mutant, functions)
        environment = os.environ | {"PYTHONPATH": str(functions), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly",
            "-o", "addopts=--import-mode=importlib", "--timeout=60", *tests,
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"pytest itself failed ({run.returncode}):\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode == 0, run.stdout
