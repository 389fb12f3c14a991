"""How the operator's command fails: one sentence for the person at the terminal, and an exit code."""

from __future__ import annotations

import errno

from penstock.errors import PenstockError, SettingsError

#: Errors of our other tools that speak to the person too. By name: their modules are heavy to import.
_SPEAKING = frozenset({"EmulatorFault", "EmulatorMissing"})


#: What a full disk answers, also when it is our stdout.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class OperatorFault(Exception):
    """What went wrong and what to do about it; the command prints it and exits with `code`.

    1: it failed. 2: the command was misused, and nothing was done.
    """

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


class Misuse(OperatorFault):
    """The command line, or a file it names, asks for something that cannot be."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, 2)


def exit_code(error: Exception) -> int:
    """1: failed. 2: misused, by an environment that cannot be meant too."""
    if isinstance(error, SettingsError):
        return 2
    return error.code if isinstance(error, OperatorFault) else 1


def sentence(error: Exception) -> str:
    """What is printed of any error."""
    if isinstance(error, PenstockError | OperatorFault) or type(error).__name__ in _SPEAKING:
        return str(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"nothing more can be written: {error.strerror}."
    return f"unexpected, {type(error).__name__}: {error} (`penstock --traceback …` shows where)"
