"""The local broker's state: topics, subscriptions and undelivered messages in SQLite.

Functions over one connection, each to be run inside a transaction; times are seconds since the epoch.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache

from penstock.adapters.buses.subscription import Delivery, Subscription
from penstock.adapters.sqlite.format import Format
from penstock.messages.envelope import Envelope, format_time

_TABLES = (
    "CREATE TABLE topics (name TEXT PRIMARY KEY)",
    "CREATE TABLE subscriptions (name TEXT PRIMARY KEY, topic TEXT NOT NULL, settings TEXT NOT NULL)",
    # AUTOINCREMENT: a message id is never used twice.
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL,
        data BLOB NOT NULL, attributes TEXT NOT NULL, published_at REAL NOT NULL
    )""",
    """CREATE TABLE deliveries (
        subscription TEXT NOT NULL, message INTEGER NOT NULL, attempts INTEGER NOT NULL, due_at REAL NOT NULL,
        PRIMARY KEY (subscription, message)
    ) WITHOUT ROWID""",
    "CREATE INDEX by_due ON deliveries (subscription, due_at, message)",
    "CREATE INDEX by_message ON deliveries (message)",
)

FORMAT = Format(1, _TABLES)


class NoSuchTopic(Exception):
    """A publish to, or a subscription on, a topic that was never created."""


@dataclass(frozen=True, slots=True)
class Leased:
    """What was handed out, and when there may be more (None: nothing waits)."""

    deliveries: list[Delivery]
    next_due: float | None
    #: Whether messages went to the dead-letter topic meanwhile.
    dead_lettered: bool = False


def add_topic(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT OR IGNORE INTO topics VALUES (?)", (name,))


def add_subscription(connection: sqlite3.Connection, subscription: Subscription) -> None:
    """Create it, or give an existing one of that name new settings and keep its backlog."""
    for topic in (subscription.topic, subscription.dead_letter_topic):
        if topic is not None:
            _need_topic(connection, topic)
    row = (subscription.name, subscription.topic, json.dumps(asdict(subscription)))
    connection.execute("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", row)


def drop_subscription(connection: sqlite3.Connection, name: str) -> None:
    """Take it away with all that waits in it; absent is fine."""
    connection.execute("DELETE FROM subscriptions WHERE name = ?", (name,))
    connection.execute("DELETE FROM deliveries WHERE subscription = ?", (name,))
    connection.execute(
        "DELETE FROM messages WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE message = messages.id)"
    )


def subscriptions(connection: sqlite3.Connection, topic: str | None = None) -> list[Subscription]:
    """All of them, or those of one topic, by name."""
    rows = connection.execute(
        "SELECT settings FROM subscriptions WHERE topic = coalesce(?, topic) ORDER BY name", (topic,)
    )
    return [_subscription(settings) for (settings,) in rows]


def publish(
    connection: sqlite3.Connection, topic: str, data: bytes, attributes: Mapping[str, str], now: float
) -> str:
    """Put a message before every subscription that wants it; the message id. Raises NoSuchTopic."""
    _need_topic(connection, topic)
    insert = "INSERT INTO messages (topic, data, attributes, published_at) VALUES (?, ?, ?, ?)"
    text = json.dumps(dict(attributes), ensure_ascii=False)
    message = connection.execute(insert, (topic, data, text, now)).lastrowid
    for subscription in subscriptions(connection, topic):
        if subscription.wants(attributes):
            row = (subscription.name, message, 0, now)
            connection.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?)", row)
    _forget_if_delivered(connection, message)
    return str(message)


def lease(connection: sqlite3.Connection, subscription: Subscription, limit: int, now: float) -> Leased:
    """Hand out up to `limit` messages that are due; each comes again at its ack deadline unless acked."""
    rows = connection.execute(
        """SELECT message, attempts, data, attributes, published_at FROM deliveries
        JOIN messages ON messages.id = message
        WHERE subscription = ? AND due_at <= ? ORDER BY due_at, message LIMIT ?""",
        (subscription.name, now, limit),
    ).fetchall()
    deliveries: list[Delivery] = []
    dead_lettered = False
    for message, attempts, data, attributes, published_at in rows:
        envelope = _envelope(subscription, message, data, attributes, published_at, attempts + 1)
        delivery = Delivery(subscription.name, attempts + 1, envelope)
        if now - published_at > subscription.retention_s:
            _forget(connection, delivery)
        elif _exhausted(subscription, attempts):
            _dead_letter(connection, subscription, delivery, attempts, now)
            dead_lettered = True
        else:
            _reschedule(connection, delivery, attempts + 1, now + subscription.ack_deadline_s)
            deliveries.append(delivery)
    select = "SELECT min(due_at) FROM deliveries WHERE subscription = ?"
    (next_due,) = connection.execute(select, (subscription.name,)).fetchone()
    return Leased(deliveries, next_due, dead_lettered)


def ack(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """The message is done with; nothing happens when it was handed out again since."""
    if _is_current(connection, delivery):
        _forget(connection, delivery)


def nack(connection: sqlite3.Connection, subscription: Subscription, delivery: Delivery, now: float) -> None:
    """The delivery failed: again after the back-off, or to the dead letters after the last attempt."""
    if not _is_current(connection, delivery):
        return
    if _exhausted(subscription, delivery.attempt):
        _dead_letter(connection, subscription, delivery, delivery.attempt, now)
    else:
        wait = subscription.backoff_s(delivery.attempt)
        _reschedule(connection, delivery, delivery.attempt, now + wait)


def waiting(connection: sqlite3.Connection, subscription: str) -> int:
    """How many messages of a subscription are not acked yet."""
    select = "SELECT count(*) FROM deliveries WHERE subscription = ?"
    return int(connection.execute(select, (subscription,)).fetchone()[0])


def peek(connection: sqlite3.Connection, subscription: Subscription) -> list[Envelope]:
    """Every message of a subscription that is not acked yet, the oldest first; nothing is handed out."""
    rows = connection.execute(
        """SELECT message, data, attributes, published_at, attempts FROM deliveries
        JOIN messages ON messages.id = message WHERE subscription = ? ORDER BY message""",
        (subscription.name,),
    )
    return [_envelope(subscription, *row) for row in rows]


@lru_cache(maxsize=256)  # asked for at every publish and lease, changed hardly ever
def _subscription(settings: str) -> Subscription:
    known = {field.name for field in fields(Subscription)}
    # A later release may have written more.
    return Subscription(**{name: value for name, value in json.loads(settings).items() if name in known})


def _need_topic(connection: sqlite3.Connection, topic: str) -> None:
    if connection.execute("SELECT 1 FROM topics WHERE name = ?", (topic,)).fetchone() is None:
        raise NoSuchTopic(f"there is no topic {topic}")


def _exhausted(subscription: Subscription, attempts: int) -> bool:
    return subscription.dead_letter_topic is not None and attempts >= subscription.max_attempts


def _is_current(connection: sqlite3.Connection, delivery: Delivery) -> bool:
    row = (delivery.subscription, int(delivery.envelope.message_id), delivery.attempt)
    select = "SELECT 1 FROM deliveries WHERE subscription = ? AND message = ? AND attempts = ?"
    return connection.execute(select, row).fetchone() is not None


def _reschedule(connection: sqlite3.Connection, delivery: Delivery, attempts: int, due_at: float) -> None:
    connection.execute(
        "UPDATE deliveries SET attempts = ?, due_at = ? WHERE subscription = ? AND message = ?",
        (attempts, due_at, delivery.subscription, int(delivery.envelope.message_id)),
    )


def _dead_letter(
    connection: sqlite3.Connection, subscription: Subscription, delivery: Delivery, attempts: int, now: float
) -> None:
    """A copy under a new id, with the attributes that Pub/Sub's own dead-letter policy adds."""
    envelope = delivery.envelope
    source = {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
        "CloudPubSubDeadLetterSourceSubscription": subscription.name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": "local",
        "CloudPubSubDeadLetterSourceTopicPublishTime": format_time(envelope.published_at),
    }
    assert subscription.dead_letter_topic is not None  # _exhausted said so; for mypy
    publish(connection, subscription.dead_letter_topic, envelope.data, {**envelope.attributes, **source}, now)
    _forget(connection, delivery)


def _forget(connection: sqlite3.Connection, delivery: Delivery) -> None:
    message = int(delivery.envelope.message_id)
    delete = "DELETE FROM deliveries WHERE subscription = ? AND message = ?"
    connection.execute(delete, (delivery.subscription, message))
    _forget_if_delivered(connection, message)


def _forget_if_delivered(connection: sqlite3.Connection, message: int | None) -> None:
    connection.execute(
        "DELETE FROM messages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message = id)",
        (message,),
    )


def _envelope(
    subscription: Subscription, message: int, data: bytes, attributes: str, published_at: float, attempt: int
) -> Envelope:
    return Envelope(
        data=data,
        attributes=json.loads(attributes),
        message_id=str(message),
        published_at=datetime.fromtimestamp(published_at, UTC),
        subscription=f"projects/local/subscriptions/{subscription.name}",
        # As in Pub/Sub: only a subscription with a dead-letter policy tells the attempt.
        attempt=attempt if subscription.dead_letter_topic else None,
    )
