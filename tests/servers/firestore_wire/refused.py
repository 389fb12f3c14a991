"""How a call is refused: as Firestore refuses it, or because it is not known here."""

from __future__ import annotations

from grpc import StatusCode  # type: ignore[import-untyped]  # grpcio publishes no types


class Refused(Exception):
    """A call ends with `status`; `str(refused)` says why."""

    def __init__(self, status: StatusCode, why: str) -> None:
        super().__init__(why)
        self.status = status


def invalid(why: str) -> Refused:
    """What Firestore takes from nobody."""
    return Refused(StatusCode.INVALID_ARGUMENT, why)


def unknown(what: str) -> Refused:
    """What Firestore may well know, and this server does not."""
    return Refused(StatusCode.UNIMPLEMENTED, f"this server knows no {what}")


def only(message: object, *known: str) -> None:
    """Raises Refused where a field of `message` is set that is not among the `known`."""
    said = {field.name for field, _ in message.ListFields()}  # type: ignore[attr-defined]  # a protobuf message
    if strange := sorted(said - set(known)):
        raise unknown(f"{', '.join(strange)} in a {type(message).__name__}")
