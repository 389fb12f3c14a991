"""Values of environment variables as people write them, and how they are spoilt on their way from there.

Shells take quotes away; `docker run --env-file` and web consoles do not. A copied value brings spaces and
line ends along. Every sentence goes on after the variable's name, and none holds the value.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_QUOTES: Final = "\"'`“”‘’"
#: host, host:port or [address]:port, as gRPC takes it.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+)(:[0-9]{1,5})?")
#: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_TOPIC: Final = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{0,254}")
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")
_SECRET: Final = re.compile(r"projects/[^/\s]+/secrets/[^/\s]+(/versions/[^/\s]+)?")
#: A name of an account, and a provider's own id of a project or a key.
_WORD: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: A model's name, in characters.
MODEL_LIMIT: Final = 256


def spoilt(value: str) -> str:
    """What is wrong with a value whatever it means; empty: nothing."""
    if not value.strip():
        return "is blank: set it, or take it away."
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return "stands in quotes, which belong to a shell and not into a value: leave them out."
    if value != value.strip():
        side = "begins" if value[0].isspace() else "ends"
        return f"{side} with a space or a line break: leave it out."
    for number, sign in enumerate(value, 1):
        if not sign.isprintable():
            what = "a line break" if sign in "\r\n" else f"the character U+{ord(sign):04X}"
            return f"holds {what} (character {number}): leave it out."
    return ""


def key_fault(key: str) -> str:
    """What keeps a key out of an HTTP header."""
    if fault := spoilt(key):
        return fault
    for number, sign in enumerate(key, 1):
        if not "!" <= sign <= "~":
            what = "a space" if sign == " " else "a character that is not ASCII"
            return f"holds {what} (character {number}), as no key does: copy the key alone."
    return ""


def host_fault(host: str) -> str:
    """What keeps an emulator from being found."""
    if fault := spoilt(host):
        return fault
    return "" if _HOST.fullmatch(host) else "must be host:port, such as localhost:8085, without http://."


def topic_fault(topic: str) -> str:
    """What is no topic's id."""
    if fault := spoilt(topic):
        return fault
    return "" if _TOPIC.fullmatch(topic) else "must be a topic's id alone, such as llm-requests."


def project_fault(project: str) -> str:
    """What is no project's id."""
    if fault := spoilt(project):
        return fault
    return "" if _PROJECT.fullmatch(project) else "must be a project's id alone, such as my-project-1."


def projects_fault(projects: str) -> str:
    """What is no list of projects' ids or numbers."""
    faults = (project_fault(project) for project in projects.split(","))
    return next((fault for fault in faults if fault), "")


def secret_fault(name: str) -> str:
    """What is no name of a secret; it may be a secret, and is not repeated."""
    if fault := spoilt(name):
        return fault
    return "" if _SECRET.fullmatch(name) else "must name a secret: projects/P/secrets/S/versions/V."


def console_fault(text: str) -> str:
    """What does not say whom the console believes, and who may act there."""
    try:
        value = json.loads(text)
        audience, operators = value["audience"], value["operators"]
        whole = set(value) == {"audience", "operators"} and isinstance(audience, str) and audience
        named = isinstance(operators, list) and all(isinstance(one, str) and "@" in one for one in operators)
    except (ValueError, TypeError, KeyError):
        whole = named = False
    if whole and named:
        return ""
    return 'must be off, local, or {"audience": "/projects/…", "operators": ["name@example.com"]}.'


#: Whose figures of costs can be read.
BILLERS = ("openai", "anthropic", "openrouter")
_OF_ACCOUNTS = frozenset({"name", "provider", "secret", "project", "key", "targets"})


def bills_fault(text: str) -> str:
    """What does not say whose bills are compared."""
    try:
        accounts = json.loads(text)
        faults = [_account_fault(account) for account in accounts]
        names = [account.get("name") or account["provider"] for account in accounts]
        right = isinstance(accounts, list) and bool(accounts)
    except (ValueError, TypeError, KeyError, AttributeError):
        right = False
    if not right:
        return 'must be JSON such as [{"provider": "openai", "secret": "projects/P/secrets/S/versions/V"}].'
    if len(set(names)) < len(names):
        return "names an account twice: give each a name of its own."
    return next((fault for fault in faults if fault), "")


def _account_fault(account: dict[str, Any]) -> str:
    if unknown := sorted(set(account) - _OF_ACCOUNTS):
        return f"has an account with {unknown[0]!r}: there are {', '.join(sorted(_OF_ACCOUNTS))}."
    if account["provider"] not in BILLERS:
        return f"names the provider {str(account['provider'])[:40]!r}: there are {', '.join(BILLERS)}."
    if fault := secret_fault(account["secret"]):
        return f"has an account whose secret {fault}"
    words = [account.get(name, "") for name in ("name", "project", "key")]
    if not all(isinstance(word, str) and _WORD.fullmatch(word or "-") for word in words):
        return "has an account whose name, project or key is no id: 1 to 128 of A-Z a-z 0-9 . _ -."
    targets = account.get("targets", [])
    named = isinstance(targets, list) and all(isinstance(target, str) and target for target in targets)
    return "" if named else "has an account whose targets are no list of names."


def model_fault(model: str) -> str:
    """What is no model's name."""
    if fault := spoilt(model):
        return fault
    return "" if len(model) <= MODEL_LIMIT else f"must have at most {MODEL_LIMIT} characters."
