"""What Terraform and the code must agree on: settings, names, deadlines, queries, log lines, GPUs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock import paths as keys
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.batches.rooms import BatchesRoom, PilesRoom
from penstock.bootstrap import build
from penstock.feeds.asked import Feeds
from penstock.messages.envelope import Envelope
from penstock.messages.result import response_message
from penstock.paths import CALLBACKS
from penstock.pause import PAUSE_PATH
from penstock.requests.handle import handle
from penstock.requests.respond import respond
from penstock.runs.room import Runs
from penstock.settings import read_settings
from penstock.sweep import sweep
from penstock.targets.routes import parse_routes
from penstock.timing import Timing
from penstock.variables import SETTINGS
from penstock_ops.terminal.topology import Topology, create_local
from tests.terraform.recorded_queries import QueryRecorder, RecordingStore, required_index
from tests.terraform.workspace import ROOT, TERRAFORM, Run, Workspace

FUNCTIONS = ROOT / "functions" / "penstock"
CLOUD = {setting.env for setting in SETTINGS if setting.where == "cloud"}
LOCAL = {setting.env for setting in SETTINGS if setting.where == "local"}


@pytest.fixture
def dev(workspace: Workspace) -> Run:
    return workspace.test("environments/dev")["as_shipped"]


@pytest.fixture
def everything(workspace: Workspace) -> Run:
    return workspace.test("modules/platform")["with_everything"]


def _environment(run: Run) -> dict[str, str]:
    functions = run.of("google_cloudfunctions2_function")
    given = [function.values["service_config"][0]["environment_variables"] for function in functions]
    assert all(environment == given[0] for environment in given)
    return dict(given[0])


def test_functions_get_exactly_the_cloud_settings(dev: Run, everything: Run) -> None:
    assert set(_environment(everything)) == CLOUD
    # What switches a room on is there only where the room is
    switches = {"PENSTOCK_RUNS_TOPIC", "PENSTOCK_INTERNAL_TOPIC", "PENSTOCK_FEEDS", "PENSTOCK_CONSOLE"}
    switches |= {
        "PENSTOCK_BATCHES_TOPIC",
        "PENSTOCK_BILLS",
        "PENSTOCK_CALLBACKS_TOPIC",
        "PENSTOCK_CALLBACKS_SIGNED_BY",
        "PENSTOCK_WORKFLOWS",
        "PENSTOCK_DOOR",
    }
    assert CLOUD - set(_environment(dev)) == switches
    assert not CLOUD & LOCAL


def test_the_code_starts_with_what_terraform_gives_it(everything: Run) -> None:
    # Given the environment of a deployed function, with an engine and two routes; if the code reads it
    settings = read_settings(_environment(everything))
    # I expect no fault, and the names of the defaults
    assert settings.mode == "cloud"
    by_default = read_settings({"PENSTOCK_LOCAL": "unused"})
    for name in ("request_topic", "response_topic", "dead_letter_topic", "database"):
        assert getattr(settings, name) == getattr(by_default, name)
    feeds = Feeds.of(settings.feeds or "")
    assert feeds.urls == ("https://example.com/feed.xml",)
    deployed = {blob.values["name"] for blob in everything.of("google_storage_bucket_object")}
    assert keys.pipeline_blob(**feeds.pipeline) in deployed
    engine = settings.routes.targets["gpu"]
    assert (engine.provider, engine.auth, engine.base_url) == (
        "openai",
        "id_token",
        "https://engine.example.run.app/v1",
    )


def test_the_routes_of_an_environment_are_routes(dev: Run) -> None:
    routes = parse_routes(_environment(dev)["PENSTOCK_ROUTES"])
    assert routes.resolve(None).targets[0].secret == "projects/my-project-1/secrets/openai/versions/latest"


def test_entry_points_exist(everything: Run) -> None:
    wanted = {
        f.values["build_config"][0]["entry_point"] for f in everything.of("google_cloudfunctions2_function")
    }
    wanted |= {
        built["function_target"]
        for service in everything.of("google_cloud_run_v2_service")
        for built in service.values["build_config"]
    }
    defined = ast.parse((ROOT / "functions" / "main.py").read_text()).body
    assert wanted == {
        node.name for node in defined if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list
    }


def test_the_deadlines_are_the_codes(workspace: Workspace) -> None:
    # Given the provider-free module, applied for real
    workspace.init("modules/timing")
    applied = workspace.terraform("modules/timing", "apply", "-auto-approve", "-no-color")
    assert applied.returncode == 0, applied.stderr
    shown = workspace.terraform("modules/timing", "output", "-json", "timing")
    stated = json.loads(shown.stdout)
    assert stated == {name: getattr(Timing(), name) for name in stated}
    assert set(stated) == {"provider_budget_s", "self_cancel_s", "function_timeout_s", "ack_deadline_s"}


def test_what_is_kept_outlives_what_points_to_it(everything: Run) -> None:
    days = Timing().retention_s / 86400
    [letters] = [
        s
        for s in everything.of("google_pubsub_subscription")
        if s.values["name"] == "llm-dead-letters-inspection"
    ]
    assert int(letters.values["message_retention_duration"].removesuffix("s")) == days * 86400
    [blobs] = [b for b in everything.of("google_storage_bucket") if b.values["name"].endswith("-blobs")]
    [passing] = blobs.values["lifecycle_rule"][0]["condition"]
    assert passing["age"] > 2 * days
    # Of all that the code writes only deployed pipelines stay: runs name them for as long as they like
    passes = {
        keys.payload_blob("t", ""): True,
        keys.completion_blob("t", ""): True,
        keys.unsaved_blob("t", "r", datetime.now(UTC), 0): True,
        keys.run_blob("t", "r", "definition", ""): True,
        keys.dead_letter_blob(""): True,
        keys.pipeline_blob("p", ""): False,
    }
    prefixes = tuple(passing["matches_prefix"])
    assert {name: name.startswith(prefixes) for name in passes} == passes


def test_subscriptions_are_named_as_in_the_local_stack(everything: Run) -> None:
    local = Topology(runs_topic="llm-runs", callbacks_topic="llm-callbacks", batches_topic="llm-batches")
    names = {s.values["name"] for s in everything.of("google_pubsub_subscription")}
    assert {local.request_subscription, local.response_subscription, local.dead_letter_subscription} <= names
    assert {local.runs_subscription, local.internal_subscription, local.callbacks_subscription} <= names
    assert {t.values["name"] for t in everything.of("google_pubsub_topic")} == set(local.topics)


def test_each_name_stands_once() -> None:
    # Given Terraform without its prose
    text = "\n".join(file.read_text() for file in TERRAFORM.rglob("*.tf"))
    text = re.sub(r"<<-EOT\n.*?\n +EOT\n", "", text, flags=re.DOTALL)
    text = re.sub(r"description +=.*|#.*", "", text)
    topology = Topology(runs_topic="llm-runs", callbacks_topic="llm-callbacks", batches_topic="llm-batches")
    names = ["llm-callbacks", "courier", topology.callbacks_subscription]
    names += ["llm-runs", "llm-internal", "run-handler", topology.runs_subscription]
    names += ["llm-requests", "llm-responses", "llm-dead-letters", "request-handler", "response-processor"]
    names += ["llm-batches", "batcher", topology.batches_subscription]
    names += [topology.request_subscription, topology.response_subscription]
    names += [topology.dead_letter_subscription]
    # I expect each once, as a value that is given a name
    collections = ["requests", "orphans", "cache", "usage", "control", "runs", "pages", "piles", "batches"]
    for name in [*names, *collections, "callbacks", "endpoints", "reach", "door"]:
        assert len(re.findall(f'= "{name}"', text)) == 1, name
    assert not [name for name in names if len(re.findall(f'"{name}"', text)) > 1]
    # The database's default stands in the store's settings and in the platform's, which hands them on
    assert text.count('optional(string, "(default)")') == 2


def test_collections_are_the_codes(everything: Run) -> None:
    written = {
        keys.request_path("t", "r"): "requests",
        keys.orphan_path("t", "r", "w"): "orphans",
        keys.cache_path("t", "k"): "cache",
        keys.usage_path("t", "r", "2026-11-21", "m"): "usage",
        PAUSE_PATH: "control",
        keys.run_path("t", "r"): "runs",
        keys.pile_path("t", "p"): "piles",
        keys.batch_path("t", "b"): "batches",
        keys.page_path("t", "r/0.0.0"): "pages",
        keys.account_path("all", "2026-11"): "accounts",
        keys.allotment_path("a"): "allotments",
        keys.drawn_path("a", "t", "r"): "drawn",
        keys.doubt_path("2026-11-21", "t", "r"): "doubts",
        keys.callback_path("t", "c"): "callbacks",
        keys.endpoint_path("t", "e"): "endpoints",
        keys.reach_path("t", "e"): "reach",
        keys.key_path("k"): "keys",
        keys.door_path("t", "0a"): "door",
        keys.response_path("t", "r"): "responses",
        keys.file_path("t", "file-1"): "files",
        keys.client_batch_path("t", "batch_1"): "client_batches",
        keys.hour_path("2026-11-28T21"): "hours",
        keys.audit_path("a"): "audit",
        keys.bill_path("2026-11-21~openai"): "bills",
        keys.pace_path("target:a"): "paces",
        keys.queue_path("target:a"): "turns",
        keys.similar_path("t", "s", 0): "similar",
        keys.evidence_path("t", "w"): "evidence",
        keys.audit_of_similar_path("t", "r"): "audits",
    }
    assert {path.split("/")[-2] for path in written} == set(written.values())
    # I expect every collection to be exempt from indexes, but for the fields that are asked for
    fields = everything.of("google_firestore_field")
    exempt = {f.values["collection"] for f in fields if f.values["field"] == "*"}
    assert exempt == set(written.values())


def test_blobs_lie_where_grants_expect_them(everything: Run) -> None:
    conditions = "".join(
        condition["expression"]
        for grant in everything.of("google_storage_bucket_iam_member")
        for condition in grant.values["condition"]
    )
    assert "/objects/" + keys.completion_blob("acme", "").removesuffix(".json") in conditions
    assert "/objects/" + keys.dead_letter_blob("") in conditions


async def test_every_query_has_its_index_and_every_index_its_query(
    dev: Run, workspace: Workspace, tmp_path: Path
) -> None:
    # Given the stories on the embedded stack, whose store also sends each query as Firestore would get it
    declared = {
        (field.values["collection"], field.values["field"], index["query_scope"], index["order"])
        for field in dev.of("google_firestore_field")
        for config in field.values["index_config"]
        for index in config["indexes"]
    }
    async with QueryRecorder() as recorder:
        services = build(read_settings({"PENSTOCK_LOCAL": str(tmp_path)}))
        firestore = FirestoreStore("my-project-1", emulator_host=recorder.host)
        s = replace(services, store=RecordingStore(services.store, firestore))
        await create_local(Topology(), services.bus, {})  # type: ignore[arg-type]  # the embedded bus, by its port
        # If a request is answered, swept before it is confirmed, and confirmed; and asked what it cost
        await handle(s, _envelope({"prompt": "How high is a penstock's head?", "request_id": "r1"}))
        await sweep(s)
        [found] = await s.store.read([keys.request_path("default", "r1")], timeout_s=5)
        assert found.fields is not None
        data, attributes = response_message(found.fields["result"], None)
        await respond(s, Envelope(data, attributes, "m2", s.clock.now(), "responses"))
        await s.store.find(keys.USAGE, "day", "2026-11-01", "2026-11-30", limit=1, timeout_s=5)
        await s.close()
        await firestore.close()
    # I expect the indexes that its queries need, no fewer and no more
    assert {required_index(query) for query in recorder.queries} == declared


def test_rooms_add_the_indexes_that_they_ask_for_and_no_others(dev: Run, everything: Run) -> None:
    def declared(run: Run) -> set[tuple[str, str]]:
        fields = run.of("google_firestore_field")
        return {(f.values["collection"], f.values["field"]) for f in fields if _has_index(f.values)}

    # The sweeper's two of its room, and what a page counts
    groups = (Runs.group, CALLBACKS, PilesRoom.group, BatchesRoom.group)
    rooms = {(group, field) for group in groups for field in ("due_at", "open_since")}
    beside = {(keys.REQUESTS, "done_in"), (keys.REQUESTS, "laned_in"), (keys.REQUESTS, "waits")}
    beside |= {(keys.ALLOTMENTS, "due_at"), (keys.REQUESTS, "holding"), (keys.REQUESTS, "similar_of")}
    assert declared(everything) - declared(dev) == rooms | beside


def test_similar_questions_are_found_by_one_index(dev: Run, everything: Run) -> None:
    # Given the vectors that the code asks for: `nearest`, in a scope, of the dimension of the routes
    [index] = everything.of("google_firestore_index")
    settings = read_settings(_environment(everything))
    similar = settings.routes.routes["fast"].similar
    assert similar is not None
    paths = [field["field_path"] for field in index.values["fields"]]
    [vector] = index.values["fields"][-1]["vector_config"]
    assert (index.values["collection"], paths) == (keys.SIMILAR, ["scope", "__name__", "vector"])
    assert vector["dimension"] == similar.numbers
    # I expect that nobody has it who has no similar answers
    assert dev.of("google_firestore_index") == []


def _has_index(field: Mapping[str, Any]) -> bool:
    return any(config["indexes"] for config in field["index_config"])


def test_no_query_is_left_out_of_that() -> None:
    # Given every call of the store's `find` or `count` (group, field, low, high) anywhere
    asked = {
        ast.unparse(call.args[1])
        for file in (*FUNCTIONS.rglob("*.py"), *(ROOT / "scripts").rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("find", "count")
        and len(call.args) >= 4
    }
    names = (
        *("due_at", "open_since", "following", "done_in", "laned_in", "waits", "day", "holding"),
        "similar_of",
    )
    assert asked == {repr(name) for name in names}


@pytest.mark.parametrize(
    "rooms", ["an_alert_for_each_worry", "with_runs", "with_callbacks", "with_lanes_that_wait"]
)
def test_metrics_read_what_the_code_logs(workspace: Workspace, rooms: str) -> None:
    outputs = workspace.test("modules/monitoring")[rooms].outputs
    logged = _logged()
    for action, fields in outputs["actions"]["value"].items():
        assert set(fields) <= logged.get(action, set()), action


def test_gpus_are_the_tuners(workspace: Workspace) -> None:
    stated = workspace.test("modules/engine")["vllm_asleep_until_called"].outputs["gpus"]["value"]
    table = json.loads((ROOT / "scripts/penstock_ops/tune/gpus.json").read_text())["gpus"]
    assert {
        name: (
            gpu["min_cpu"],
            gpu["min_memory"],
            sorted(kind for kind, some in gpu["quantizations"].items() if some),
        )
        for name, gpu in stated.items()
    } == {
        name: (gpu["min_vcpu"], gpu["min_memory_gib"], sorted(gpu["engines"])) for name, gpu in table.items()
    }


def _envelope(body: dict[str, Any]) -> Envelope:
    return Envelope(json.dumps(body).encode(), {}, "m1", datetime.now(UTC), "requests")


def _logged() -> dict[str, set[str]]:
    """Action => the fields that some line with it carries, read from the calls of `log`."""
    fields: dict[str, set[str]] = {}
    spread = set(re.findall(r'"([a-z_]+_ms)":', "".join(f.read_text() for f in FUNCTIONS.rglob("*.py"))))
    for file in FUNCTIONS.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            match call:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log")), args=[ast.Constant(value=str(action)), *_]
                ):
                    named = {keyword.arg for keyword in call.keywords if keyword.arg}
                    # `**result["timings"]` hands on the durations of a result
                    timed = spread if any(keyword.arg is None for keyword in call.keywords) else set()
                    fields.setdefault(action, set()).update(named | timed)
    return fields
