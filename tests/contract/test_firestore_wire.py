"""Firestore's wire itself, where the Store port does not show it: Google's emulator and ours answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
import pytest
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import (
    CommitRequest,
    CommitResponse,
    ListenRequest,
    ListenResponse,
    RunQueryRequest,
    RunQueryResponse,
    TargetChange,
)

from penstock.adapters.google.grpc_service import GrpcService, Unanswered

_Commit, _Committed = CommitRequest.pb(), CommitResponse.pb()
_Query, _Found = RunQueryRequest.pb(), RunQueryResponse.pb()
_Listen, _Heard = ListenRequest.pb(), ListenResponse.pb()

_OWNER = (("authorization", "Bearer owner"),)
_DOC = "tenants/acme/requests/r1"


class Wire:
    """Its calls, each with the messages of its answer."""

    def __init__(self, host: str, project: str) -> None:
        self.database = f"projects/{project}/databases/(default)"
        self.root = f"{self.database}/documents"
        self._service = GrpcService("google.firestore.v1.Firestore", FirestoreGrpcAsyncIOTransport, host)
        self._channel = grpc.aio.insecure_channel(host)

    async def commit(self, *writes: dict[str, Any]) -> Any:
        request = _Commit(database=self.database, writes=writes).SerializeToString()
        return await self._service.ask("Commit", request, _Committed, _OWNER, timeout_s=30)

    async def query(self, query: dict[str, Any], parent: str = "") -> list[str]:
        """Ids of the documents found."""
        request = _Query(parent=self.root + parent, structured_query=query).SerializeToString()
        found = await self._service.ask_for_all("RunQuery", request, _Found, _OWNER, timeout_s=30)
        return [one.document.name.rpartition("/")[2] for one in found if one.HasField("document")]

    async def fields(self) -> dict[str, Any]:
        """What DOC holds."""
        request = _Query(parent=self.root, structured_query=_all("requests")).SerializeToString()
        found = await self._service.ask_for_all("RunQuery", request, _Found, _OWNER, timeout_s=30)
        return dict(found[0].document.fields)

    def listen(self) -> Any:
        """A stream to write requests to and to read answers from."""
        method = "/google.firestore.v1.Firestore/Listen"
        call = self._channel.stream_stream(method, lambda said: said.SerializeToString(), _Heard.FromString)
        return call(metadata=(*_OWNER, ("google-cloud-resource-prefix", self.database)))

    async def close(self) -> None:
        await self._service.close()
        await self._channel.close()


@pytest.fixture
async def wire(firestore: str, project: str) -> AsyncIterator[Wire]:
    opened = Wire(firestore, project)
    yield opened
    await opened.close()


def _all(group: str) -> dict[str, Any]:
    return {"from_": [{"collection_id": group, "all_descendants": True}]}


def _put(wire: Wire, fields: dict[str, Any], path: str = _DOC, **more: Any) -> dict[str, Any]:
    return {"update": {"name": f"{wire.root}/{path}", "fields": fields}, **more}


def _map(**fields: Any) -> dict[str, Any]:
    return {"map_value": {"fields": fields}}


_ONE, _TWO = {"integer_value": 1}, {"integer_value": 2}


async def test_a_mask_reaches_into_maps(wire: Wire) -> None:
    await wire.commit(_put(wire, {"m": _map(a=_ONE, b=_ONE), "kept": _ONE}))
    paths = {"field_paths": ["m.a", "m.b", "n.`x.y`"]}
    await wire.commit(_put(wire, {"m": _map(a=_TWO), "n": _map(**{"x.y": _TWO})}, update_mask=paths))
    left = await wire.fields()
    assert dict(left["m"].map_value.fields) == {"a": left["n"].map_value.fields["x.y"]}
    assert left["kept"].integer_value == 1
    assert left["m"].map_value.fields["a"].integer_value == 2


async def test_several_writes_of_one_document_follow_each_other(wire: Wire) -> None:
    more = [{"field_path": "n", "increment": _ONE}]
    answer = await wire.commit(
        _put(wire, {"n": _ONE}),
        _put(wire, {}, update_mask={}, update_transforms=more),
        _put(wire, {}, update_mask={}, update_transforms=[{"field_path": "n", "minimum": _ONE}]),
    )
    assert not answer.write_results[0].transform_results
    assert answer.write_results[1].transform_results[0].integer_value == 2
    assert (await wire.fields())["n"].integer_value == 1


async def _status(wire: Wire, *writes: dict[str, Any]) -> grpc.StatusCode | None:
    with pytest.raises(Unanswered) as refused:
        await wire.commit(*writes)
    return refused.value.status


async def test_refusals_have_the_statuses_of_firestore(wire: Wire) -> None:
    written = (await wire.commit(_put(wire, {"n": _ONE}))).write_results[0].update_time
    there, absent = {"exists": False}, {"exists": True}
    assert await _status(wire, _put(wire, {}, current_document=there)) == grpc.StatusCode.ALREADY_EXISTS
    missing = _put(wire, {}, "a/b", current_document=absent)
    assert await _status(wire, missing) == grpc.StatusCode.NOT_FOUND
    stale = _put(wire, {}, current_document={"update_time": {"seconds": written.seconds - 1}})
    assert await _status(wire, stale) == grpc.StatusCode.FAILED_PRECONDITION
    never = _put(wire, {}, "a/b", current_document={"update_time": written})
    assert await _status(wire, never) in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
    assert await _status(wire, _put(wire, {}, "a/b/c")) == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        ("EQUAL", _TWO, ["b", "c"]),
        ("LESS_THAN", _TWO, ["a"]),
        ("LESS_THAN_OR_EQUAL", _TWO, ["a", "b", "c"]),
        ("GREATER_THAN", _ONE, ["b", "c", "d"]),
        ("GREATER_THAN_OR_EQUAL", {"double_value": 2.5}, ["d"]),
        ("GREATER_THAN", {"string_value": ""}, ["e"]),
    ],
    ids=str,
)
async def test_a_range_keeps_to_values_of_its_type(
    wire: Wire, op: str, value: dict[str, Any], found: Sequence[str]
) -> None:
    values = [_ONE, _TWO, {"double_value": 2.0}, {"double_value": 3.5}, {"string_value": "s"}]
    documents = zip("abcdef", [*values, _map(a=_ONE)], strict=True)
    await wire.commit(*(_put(wire, {"n": value}, f"kinds/{name}") for name, value in documents))
    where = {"field_filter": {"field": {"field_path": "n"}, "op": op, "value": value}}
    assert await wire.query({"from_": [{"collection_id": "kinds"}], "where": where}) == found


async def test_a_listener_hears_what_is_there_what_changes_and_what_goes(wire: Wire) -> None:
    await wire.commit(_put(wire, {"n": _ONE}))
    stream, name = wire.listen(), f"{wire.root}/{_DOC}"
    target = {"target_id": 7, "documents": {"documents": [name]}}
    await stream.write(_Listen(database=wire.database, add_target=target))
    heard = [answer async for answer in _until(stream, "current")]
    assert heard[0].target_change.target_change_type == TargetChange.TargetChangeType.ADD
    assert [a.document_change.document.fields["n"].integer_value for a in heard if _is_change(a)] == [1]
    await wire.commit(_put(wire, {"n": _TWO}))
    changed = [answer async for answer in _until(stream, "document_change")][-1].document_change
    assert (changed.document.fields["n"].integer_value, list(changed.target_ids)) == (2, [7])
    await wire.commit({"delete": name})
    gone = [answer async for answer in _until(stream, "document_delete")][-1].document_delete
    assert gone.document == name
    stream.cancel()


def _is_change(answer: Any) -> bool:
    return bool(answer.HasField("document_change"))


async def _until(stream: Any, kind: str) -> AsyncIterator[Any]:
    """Answers up to the first of this kind."""
    async with asyncio.timeout(30):
        while True:
            answer = await stream.read()
            yield answer
            is_current = answer.target_change.target_change_type == TargetChange.TargetChangeType.CURRENT
            if answer.WhichOneof("response_type") == kind or (kind == "current" and is_current):
                return
