"""Questions by their names: what the provider was asked twice is only known if a name says one thing."""

from __future__ import annotations

import json
import re
from itertools import permutations

from tests.chaos.processes.runs.workload import _KINDS

#: An item's place among those that a split has cut, as a template has it.
_INDEX = "{{item.chunk.index}}"


def test_two_questions_never_have_one_name() -> None:
    # Given what every kind of run asks: prompts, and the name that stands in each
    said = json.dumps([kind() for kind in _KINDS])
    asked = dict(re.findall(r"(\[id:[^\]]+\]) ([^\"]+)", said))

    # I expect no name that another question may have too, whatever an item's place is
    assert len(asked) > len(_KINDS)
    for one, other in permutations(asked, 2):
        assert not re.fullmatch(re.escape(one).replace(re.escape(_INDEX), r"\d+"), other.replace(_INDEX, "0"))


def test_what_two_kinds_ask_under_one_name_is_one_question() -> None:
    said = json.dumps([kind() for kind in _KINDS])
    asked = set(re.findall(r"(\[id:[^\]]+\]) ([^\"]+)", said))
    assert len(asked) == len(dict(asked))
