"""Names in the store: document paths, cache keys, and the sharded times that the sweeper looks for."""

from __future__ import annotations

import hashlib
from datetime import datetime
from urllib.parse import quote
from zlib import crc32

from penstock.messages.envelope import format_time
from penstock.messages.request import Request
from penstock.messages.strict_json import canonical
from penstock.targets.routes import Target

#: An indexed time that only grows would make one hot index range at some 500 writes/s
#: (Firestore's best practices); the prefix spreads it over this many.
SHARDS = 16

#: Usage counters of one tenant and day are spread over this many documents: an instance confirms batch after
#: batch, so that of a few instances a few write at once, and a large batch writes all of them.
USAGE_SHARDS = 4

#: The collections that the sweeper's and response_processor's queries run over.
REQUESTS = "requests"
#: The collection that `penstock spend` runs over.
USAGE = "usage"
RUNS = "runs"
#: What instances have drawn from the accounts of budgets, and how many documents tell what is spent of one.
ALLOTMENTS = "allotments"
DRAWN_SHARDS = 8
#: What was charged of calls that may have been paid, until their day's bill decides.
DOUBTS = "doubts"
PILES, BATCHES = "piles", "batches"
CALLBACKS = "callbacks"
#: Of a tenant; listed by the operator's command.
ENDPOINTS = "endpoints"
#: Collections that `penstock forget` goes through.
DOOR = "door"
RESPONSES = "responses"
FILES = "files"
CLIENT_BATCHES = "client_batches"
#: Of similar answers: the questions, how often they would have been wrong, and each judgement.
SIMILAR, EVIDENCE, AUDITS = "similar", "evidence", "audits"
#: The door's keys.
KEYS = "keys"
#: What was done by way of the console.
AUDIT = "audit"
#: What days' bills were found to be, beside our ledger.
BILLS = "bills"


def request_path(tenant: str, request_id: str) -> str:
    return f"tenants/{tenant}/{REQUESTS}/{request_id}"


def cache_path(tenant: str, key: str) -> str:
    return f"tenants/{tenant}/cache/{key}"


def orphan_path(tenant: str, request_id: str, write_id: str) -> str:
    """Where a paid answer goes whose request somebody else holds by now."""
    return f"{request_path(tenant, request_id)}/orphans/{write_id}"


def usage_path(tenant: str, request_id: str, day: str, *account: str) -> str:
    """A shard of a day's usage (`2026-11-21`); `account` says whose: a model's name may hold a slash."""
    shard = _spread(tenant, request_id) % USAGE_SHARDS
    whose = hashlib.sha256(canonical(list(account))).hexdigest()[:16]
    return f"tenants/{tenant}/{USAGE}/{day}-{shard}-{whose}"


def speed_path(target: str) -> str:
    """What is known of a target's speed; its name may have characters that no document's id may."""
    return f"control/speed-{hashlib.sha256(target.encode()).hexdigest()[:32]}"


def account_path(scope: str, month: str) -> str:
    """What is counted for a budget's scope in a month (`2026-11`); a target's name may hold a slash."""
    return f"accounts/{quote(scope, safe=':')}~{month}"


def allotment_path(allotment: str) -> str:
    """What one instance may spend of some accounts."""
    return f"{ALLOTMENTS}/{allotment}"


def drawn_path(allotment: str, tenant: str, request_id: str) -> str:
    """A shard of what was spent of an allotment."""
    return f"{allotment_path(allotment)}/drawn/{_spread(tenant, request_id) % DRAWN_SHARDS}"


def doubt_path(day: str, tenant: str, request_id: str, *call: str) -> str:
    """What one call of a day (`2026-11-21`) was charged that may have been paid: by the order of days, and
    without a name in it. `call` says which of the request's."""
    whose = hashlib.sha256(canonical([tenant, request_id, *call])).hexdigest()[:20]
    return f"{DOUBTS}/{day}~{whose}"


def pace_path(scope: str) -> str:
    """What is booked of a shared limit, by all instances; a target's name may hold a slash."""
    return f"paces/{quote(scope, safe=':')}"


def queue_path(scope: str) -> str:
    """What the tenants were served who wait for a shared limit."""
    return f"turns/{quote(scope, safe=':')}"


def hour_path(hour: str) -> str:
    """What was done in an hour of UTC (`2026-11-28T21`), minute by minute."""
    return f"hours/{hour}"


def bill_path(name: str) -> str:
    """`name`: a day and an account, `2026-11-21~openai`, so that the order of names is that of days."""
    return f"{BILLS}/{name}"


def audit_path(name: str) -> str:
    return f"{AUDIT}/{name}"


def similar_path(tenant: str, scope: str, place: int) -> str:
    """A question of a scope by which similar ones find its answer: there is room for a few of each."""
    return f"tenants/{tenant}/{SIMILAR}/{scope[:32]}-{place}"


def evidence_path(tenant: str, way: str) -> str:
    """How often similar answers of one way would have been wrong."""
    return f"tenants/{tenant}/{EVIDENCE}/{way}"


def audit_of_similar_path(tenant: str, request_id: str) -> str:
    """What a judge said of the similar answer of one request."""
    return f"tenants/{tenant}/{AUDITS}/{request_id}"


def run_path(tenant: str, run_id: str) -> str:
    return f"tenants/{tenant}/{RUNS}/{run_id}"


def pile_path(tenant: str, pile: str) -> str:
    return f"tenants/{tenant}/{PILES}/{pile}"


def batch_path(tenant: str, batch: str) -> str:
    return f"tenants/{tenant}/{BATCHES}/{batch}"


def batch_blob(tenant: str, batch: str, name: str) -> str:
    """Who is in a batch, and the files that its provider gave back."""
    return f"tenants/{tenant}/{BATCHES}/{batch}/{name}"


def page_path(tenant: str, page_name: str) -> str:
    """`page_name` as messages/parent.py makes it: its run's id, and its own below it."""
    run_id, _, page = page_name.partition("/")
    return f"{run_path(tenant, run_id)}/pages/{page}"


def endpoint_path(tenant: str, name: str) -> str:
    return f"tenants/{tenant}/{ENDPOINTS}/{name}"


def reach_path(tenant: str, name: str) -> str:
    """What the courier has found of an endpoint: beside it, since Terraform may own the endpoint's own."""
    return f"tenants/{tenant}/reach/{name}"


def callback_path(tenant: str, callback_id: str) -> str:
    return f"tenants/{tenant}/{CALLBACKS}/{callback_id}"


def callback_blob(tenant: str, callback_id: str) -> str:
    """The answer that a callback has a link to, where it is too long for the callback itself."""
    return f"tenants/{tenant}/told/{callback_id}.json"


def run_blob(tenant: str, run_id: str, name: str, sha256: str) -> str:
    """What a run keeps in the bucket under `name`: of other content, other blobs."""
    return f"tenants/{tenant}/{RUNS}/{run_id}/{name}-{sha256[:16]}"


def pipeline_blob(name: str, sha256: str) -> str:
    """A deployed definition."""
    return f"pipelines/{name}/{sha256}.json"


def key_path(key_id: str) -> str:
    """A key of the door: no tenant's own, for who comes with it names none."""
    return f"{KEYS}/{key_id}"


def door_path(tenant: str, pointer: str) -> str:
    """Where a client's own retry finds the request that it repeats."""
    return f"tenants/{tenant}/{DOOR}/{pointer}"


def response_path(tenant: str, response_id: str) -> str:
    """A response that was asked in the background."""
    return f"tenants/{tenant}/{RESPONSES}/{response_id}"


def file_path(tenant: str, file_id: str) -> str:
    """A file that a client sent to the door."""
    return f"tenants/{tenant}/{FILES}/{file_id}"


def client_batch_path(tenant: str, batch_id: str) -> str:
    return f"tenants/{tenant}/{CLIENT_BATCHES}/{batch_id}"


def file_blob(tenant: str, file_id: str) -> str:
    """The bytes of such a file."""
    return f"tenants/{tenant}/sent/{file_id}"


def input_blob(tenant: str, name: str) -> str:
    """What a tenant's own services wrote to the bucket, to be asked as a batch."""
    return f"tenants/{tenant}/inputs/{name}"


def payload_blob(tenant: str, sha256: str) -> str:
    return f"tenants/{tenant}/payloads/{sha256}"


def completion_blob(tenant: str, sha256: str) -> str:
    return f"tenants/{tenant}/completions/{sha256}.json"


def unsaved_blob(tenant: str, request_id: str, created_at: datetime, redrive_count: int) -> str:
    """Where a paid answer waits that the store would not take; an id may live again after its retention."""
    return f"tenants/{tenant}/unsaved/{request_id}/{format_time(created_at)}-{redrive_count}.json"


def dead_letter_blob(sha256: str) -> str:
    """Where an original lies that never became a request and is too long for a message."""
    return f"dead-letters/{sha256}"


def cache_key(request: Request, target: Target) -> str:
    """Hex sha256 of everything that determines the answer: docs/design.md §3.5.

    The answering target is part of it, by what it is and not by its name, so that neither a
    renamed target nor a fallback nor an A/B split can hand out another model's answer. So are the params as
    they are sent there: a target's `max_output` counts as the same `max_tokens` in the request. Its tier is
    not: it says how soon and for how much, and not what is answered.
    """
    determined_by = {
        "version": 1,
        "tenant": request.tenant,
        "provider": target.provider,
        "base_url": target.base_url,
        "model": target.model,
        "messages": list(request.messages),
        "params": dict(target.effective(request.params)),
    }
    return hashlib.sha256(canonical(determined_by)).hexdigest()


def cascade_key(request: Request, cascade: str) -> str:
    """The same of a cascade as a whole, which `cascade` says (targets/cascade.py): what its checks pass."""
    determined_by = {
        "version": 1,
        "tenant": request.tenant,
        "cascade": cascade,
        "messages": list(request.messages),
        "params": dict(request.params),
    }
    return hashlib.sha256(canonical(determined_by)).hexdigest()


def sharded(tenant: str, request_id: str, when: datetime) -> str:
    """`SS:time`, so that text order within a shard is the order of time."""
    return f"{_spread(tenant, request_id) % SHARDS:02d}:{format_time(when)}"


def moved_to(sharded_time: str, when: datetime) -> str:
    """`when` in the shard of `sharded_time`: for a document whose ids nobody can tell."""
    return f"{sharded_time[:3]}{format_time(when)}"


def shard_range(shard: int, until: datetime) -> tuple[str, str]:
    """The lowest and the highest sharded time of `shard` that is not after `until`."""
    return f"{shard:02d}:", f"{shard:02d}:{format_time(until)}"


def time_of(sharded_time: str) -> datetime:
    """The time in a sharded time."""
    return datetime.fromisoformat(sharded_time[3:])


def _spread(tenant: str, request_id: str) -> int:
    return crc32(f"{tenant}/{request_id}".encode())
