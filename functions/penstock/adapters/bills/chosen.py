"""Whose figures an account's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.adapters.providers.key import Key
from penstock.biller import Account, Biller


def biller_of(account: Account, key: Key | None = None, address: str | None = None) -> Biller:
    """The Biller of `account`. Without `key` its secret's; without `address` its provider's own."""
    if key is None:
        from penstock.adapters.providers.keys import SecretManagerKey

        key = SecretManagerKey(account.secret)
    made = _kind(account.provider)
    biller: Biller = made(account, key, address) if address else made(account, key)
    return biller


def _kind(provider: str) -> Callable[..., Any]:
    match provider:
        case "anthropic":
            from penstock.adapters.bills.anthropic import AnthropicBill

            return AnthropicBill
        case "openrouter":
            from penstock.adapters.bills.openrouter import OpenRouterBill

            return OpenRouterBill
    from penstock.adapters.bills.openai import OpenAIBill

    return OpenAIBill
