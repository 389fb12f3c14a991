"""Strict JSON: only what every reader understands alike gets in, and errors never quote what came."""

from __future__ import annotations

import hashlib
import json
import math
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import BadMessage, Reason
from penstock.messages.strict_json import MAX_DEPTH, canonical, decode_object
from tests.examples import examples

SECRET = "hunter2-the-planted-secret"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def nested(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    """An object that holds `levels` levels of objects or lists, itself included."""
    return b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"


REFUSED = {
    "nothing": (b"", "empty"),
    "white space": (b" \n\t", "empty"),
    "plain text": (f"please {SECRET}".encode(), "not JSON (line 1, column 1)"),
    "cut off": (f'{{"prompt": "{SECRET}'.encode(), "not JSON"),
    "two objects": (f'{{}} {{"a": "{SECRET}"}}'.encode(), "not JSON"),
    "a trailing comma": (b'{"a": 1,}', "not JSON"),
    "a control character in a string": (f'{{"a": "\n{SECRET}"}}'.encode(), "not JSON"),
    "a list": (f'["{SECRET}"]'.encode(), "one JSON object"),
    "a string": (f'"{SECRET}"'.encode(), "one JSON object"),
    "null": (b"null", "one JSON object"),
    "latin-1": (f'{{"a": "é{SECRET}"}}'.encode("latin-1"), "not UTF-8 (byte 7)"),
    "UTF-16": (f'{{"a": "{SECRET}"}}'.encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": (f'{{"a": "{SECRET}"}}'.encode("utf-16-le"), "not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "an overlong encoding": (b'{"a": "\xc0\x80"}', "not UTF-8"),
    "a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
    "NaN": (b'{"a": NaN}', "NaN"),
    "Infinity": (b'{"a": [Infinity]}', "Infinity"),
    "-Infinity": (b'{"a": -Infinity}', "-Infinity"),
    "a number that overflows": (b'{"a": 1e999}', "too large"),
    "a negative number that overflows": (b'{"a": -1e999}', "too large"),
    "65 bits": (b'{"a": 9223372036854775808}', "beyond 64 bits"),
    "65 bits below zero": (b'{"a": -9223372036854775809}', "beyond 64 bits"),
    "5,000 digits": (b'{"a": ' + b"7" * 5_000 + b"}", "beyond 64 bits"),
    "a lone high surrogate": (f'{{"a": "{SECRET}\\ud83d"}}'.encode(), "lone surrogate"),
    "a lone low surrogate": (b'{"a": ["\\ude00"]}', "lone surrogate"),
    "surrogates the wrong way round": (b'{"a": "\\ude00\\ud83d"}', "lone surrogate"),
    "a lone surrogate in a key": (b'{"a": {"\\ud83d": 1}}', "lone surrogate"),
    "a key twice": (f'{{"prompt": "{SECRET}", "prompt": "b"}}'.encode(), "`prompt` twice"),
    "a key twice further in": (b'{"a": [{"b": 1, "c": 2, "b": 3}]}', "`b` twice"),
    "a key twice by another spelling": (b'{"ab": 1, "\\u0061b": 2}', "`ab` twice"),
    "a prompt as key, twice": (f'{{"say {SECRET}": 1, "say {SECRET}": 2}}'.encode(), "twice"),
    "65 levels of objects": (nested(65), "64 levels"),
    "65 levels of lists": (nested(65, b"[", b"]"), "64 levels"),
    "100,000 levels": (nested(100_000), "64 levels"),
    "100,000 levels that never close": (b'{"a":' + b"[" * 100_000, "64 levels"),
}


@pytest.mark.parametrize(("data", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_readers_disagree_about_is_refused(data: bytes, says: str) -> None:
    # If I decode it, I expect one sentence that names the fault,
    with pytest.raises(BadMessage) as refusal:
        decode_object(data)

    assert says in str(refusal.value)
    assert refusal.value.reason is Reason.MALFORMED
    # and nothing of what was sent, not even in a traceback.
    assert SECRET not in "".join(traceback.format_exception(refusal.value))


TAKEN = {
    "an empty object": (b"{}", {}),
    "space around it": (b' \n{"a": 1} ', {"a": 1}),
    "a whole pair of surrogates": (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
    "characters beyond ASCII": ('{"ключ": "värde"}'.encode(), {"ключ": "värde"}),
    "a zero byte": (b'{"a": "\\u0000"}', {"a": "\0"}),
    "the greatest 64-bit number": (b'{"a": 9223372036854775807}', {"a": 2**63 - 1}),
    "the least 64-bit number": (b'{"a": -9223372036854775808}', {"a": -(2**63)}),
    "the greatest double": (b'{"a": 1.7976931348623157e308}', {"a": 1.7976931348623157e308}),
    "an underflow": (b'{"a": 1e-999}', {"a": 0.0}),
    "the same key in different objects": (b'{"a": {"b": 1}, "b": 2}', {"a": {"b": 1}, "b": 2}),
}


@pytest.mark.parametrize(("data", "expected"), TAKEN.values(), ids=TAKEN.keys())
def test_everything_else_is_taken(data: bytes, expected: object) -> None:
    assert decode_object(data) == expected


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_depth_counts_objects_and_lists_up_to_the_limit(opening: bytes) -> None:
    closing = b"}" if opening.startswith(b"{") else b"]"

    assert decode_object(nested(MAX_DEPTH, opening, closing))


def test_a_number_is_kept_as_it_was_meant() -> None:
    decoded = decode_object(b'{"int": 1, "float": 1.0, "true": true}')

    assert [type(value) for value in decoded.values()] == [int, float, bool]


@examples(200)
@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_canonical_bytes_decode_to_the_same_object(value: dict[str, object]) -> None:
    # Given any JSON object, if I spell it canonically and decode that, I expect the same object,
    assert decode_object(canonical(value)) == value
    # and one spelling, whatever the order of the keys.
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_canonical_is_what_the_documented_line_of_python_yields() -> None:
    value = {"b": [1, 2.5, None], "a": "ünï😀", "A": {"z": True, "y": "\n"}}

    expected = '{"A":{"y":"\\n","z":true},"a":"ünï😀","b":[1,2.5,null]}'.encode()
    assert canonical(value) == expected
    one_line = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hashlib.sha256(canonical(value)).digest() == hashlib.sha256(one_line).digest()


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud83d", {"\ude00": 1}])
def test_canonical_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical(value)
