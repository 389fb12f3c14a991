"""Files as people have them: in whatever encoding, read to the last character or refused in one sentence."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from penstock_ops.asking.bodies import read_requests
from penstock_ops.terminal.faults import Misuse

LINES = '{"prompt": "Name a river."}\n{"prompt": "Nenne einen Fluß 🏞️"}\n'
PROMPT = "Why is the sky blue?\nUnd warum ist der Fluß grün? 🏞️"
BOM = "\ufeff"


def bodies(file: Path) -> list[object]:
    return [found.body for found in read_requests(file)]


def refusal(file: Path) -> str:
    with pytest.raises(Misuse) as told:
        bodies(file)
    sentence = str(told.value)
    assert sentence.startswith(str(file))
    return sentence.removeprefix(str(file))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", [BOM, ""])
def test_every_unicode_encoding_and_line_end_is_read(
    tmp_path: Path, encoding: str, ends: str, mark: str
) -> None:
    """Given files of Windows, old Macs and Unix, with a mark or without. I expect what was written there."""
    for name, text in (("a.jsonl", LINES), ("b.json", json.dumps({"prompt": "1"})), ("c.txt", PROMPT + "\n")):
        (tmp_path / name).write_bytes((mark + text.replace("\n", ends)).encode(encoding))

    assert bodies(tmp_path / "a.jsonl") == [json.loads(line) for line in LINES.splitlines()]
    assert bodies(tmp_path / "b.json") == [{"prompt": "1"}]
    assert bodies(tmp_path / "c.txt") == [{"prompt": PROMPT}]


def test_files_put_one_behind_the_other_keep_their_marks_to_themselves(tmp_path: Path) -> None:
    """Given two files with byte order marks in one. I expect four requests."""
    (tmp_path / "a.jsonl").write_text((BOM + LINES) * 2, encoding="utf-8")

    assert len(bodies(tmp_path / "a.jsonl")) == 4
    assert all(isinstance(body, dict) for body in bodies(tmp_path / "a.jsonl"))


def test_characters_that_some_take_for_line_ends_end_no_line(tmp_path: Path) -> None:
    """Given JSON with U+2028, U+0085 and the like in a string, as RFC 8259 allows. I expect one request."""
    text = "a\u2028b\u2029c\u0085d"
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": text}, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "b.txt").write_text(f"x{text}x", encoding="utf-8")

    assert bodies(tmp_path / "a.jsonl") == [{"prompt": text}]
    assert bodies(tmp_path / "b.txt") == [{"prompt": f"x{text}x"}]


def _zip(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return held.getvalue()


#: What a file holds, and the words of its refusal.
NO_TEXT = {
    "cp1252": (
        "@ok Übersetze „größ“ für Zürich – 5 €\r\n".encode("cp1252"),
        "line 1, column 5, byte 4: 0xDC",
    ),
    "latin-1, second line": ("Eins\nzwei für".encode("latin-1"), "line 2, column 7, byte 11: 0xFC"),
    "latin-1 after umlauts": ("üü\n".encode() + b"\xe4", "line 2, column 1, byte 5"),
    "shift-jis": ("日本語の文".encode("shift-jis"), "is not UTF-8 text"),
    "cut in a character": ("Fluß 🏞".encode()[:-2], "half a character at its end"),
    "surrogates as CESU-8": (
        b"x \xed\xa0\xbd\xed\xb8\x80",
        "(line 1, column 3, byte 2: 0xED)",
    ),
    "overlong": (b"x\xc0\xaf", "is not UTF-8 text"),
    "utf-16 without mark, quote first": ("„Hallo“".encode("utf-16-le"), "may be UTF-16"),
    "utf-16 cut": (BOM.encode("utf-16-le") + "abc".encode("utf-16-le")[:-1], "begins as UTF-16-LE, but"),
    "utf-16 with half a pair": (BOM.encode("utf-16-be") + b"\xd8\x00\x00a", "begins as UTF-16-BE, but"),
    "utf-32 beyond Unicode": (b"\xff\xfe\0\0" + b"\xff\xff\xff\x7f", "begins as UTF-32-LE, but"),
    "separated by NUL": (b"one\0two\0", "line 1, column 4: a NUL character"),
    "zeros": (bytes(5000), "a NUL character"),
    "xlsx": (_zip("[Content_Types].xml", "xl/worksheets/sheet1.xml"), "is an Excel workbook"),
    "docx": (_zip("[Content_Types].xml", "word/document.xml"), "is a Word document"),
    "pptx": (_zip("[Content_Types].xml", "ppt/presentation.xml"), "is a PowerPoint file"),
    "zip": (_zip("questions.jsonl"), "is a ZIP archive"),
    "gzip": (gzip.compress(LINES.encode()), "is a gzip archive, not text: unpack it first"),
    "pdf": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj", "is a PDF document"),
    "pdf in ASCII": (b"%PDF-1.7\r\n1 0 obj\r\n<<>>", "is a PDF document"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG image"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "is a JPEG image"),
    "gif": (b"GIF89a\x01\0\x01\0\x80\0\0\xff", "is a GIF image"),
    "rtf": (rb"{\rtf1\ansi Name a river.}", "is an RTF document"),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is an old Office file"),
    "sqlite": (b"SQLite format 3\0\x10\0", "is an SQLite database"),
    "parquet": (b"PAR1\x15\0\x15\xff", "is a Parquet file"),
    "mp4": (b"\0\0\0\x20ftypisom\0", "is an MP4, MOV or HEIC file"),
    "wav": (b"RIFF\x24\x08\0\0WAVEfmt \xff", "is a WAV recording"),
    "elf": (b"\x7fELF\x02\x01\x01\0", "is a program (ELF)"),
    "exe": (b"MZ\x90\0\x03\0\0\0", "is a Windows program"),
    "pickle": (b"\x80\x04\x95\x10\0\0", "is a Python pickle"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\0", "is a zstandard archive"),
    "tar": (b"questions.jsonl" + bytes(242) + b"ustar\x0000" + bytes(200), "is a tar archive"),
}


@pytest.mark.parametrize("kind", NO_TEXT)
@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json", ""])
def test_what_is_no_unicode_text_is_refused_by_what_it_is(tmp_path: Path, kind: str, suffix: str) -> None:
    """Whatever the file is called. I expect one sentence that says what it is, and where it is not text."""
    data, said = NO_TEXT[kind]
    file = tmp_path / f"a{suffix}"
    file.write_bytes(data)

    assert said in refusal(file)


#: Text that begins as a binary does: a signature in plain letters says nothing by itself.
PLAIN = [
    "BMW or Audi?",
    "MZ is what?",
    "PAR1 or PAR2?",
    "ID3 tags: why?",
    "%PDF-1.4 is what?",
    "GIF89a?",
    "ORC.",
]


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_begins_like_a_binary_is_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)

    assert bodies(tmp_path / "a.txt") == [{"prompt": text}]


def test_a_latin_text_that_begins_like_a_binary_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("BMW fährt".encode("latin-1"))

    assert "is not UTF-8 text" in refusal(tmp_path / "a.txt")


#: A file's name, its text, and the place and reason that the refusal names.
BROKEN = [
    ("a.jsonl", '{"prompt": "1"}\n{"prompt": }\n', ", line 2, column 12: not JSON"),
    ("a.jsonl", '{"prompt": "1"\n', ", line 1, column 15: not JSON"),
    ("a.jsonl", '\n\n  {"prompt": "a" 1}', ", line 3, column 18: not JSON"),
    ("a.jsonl", BOM + "{'prompt': 1}", ", line 1, column 2: not JSON"),
    ("a.jsonl", '{"prompt": "a\tb"}', ", line 1, column 14: not JSON (Invalid control"),
    ("a.jsonl", '{"prompt": "1"} {"prompt": "2"}', ", line 1, column 17: not JSON (Extra data)"),
    ("a.jsonl", '["a"]', ", line 1, column 1: a request is a JSON object"),
    ("a.jsonl", '"Why?"', ", line 1, column 1: a request is a JSON object"),
    ("a.jsonl", "Why?", ", line 1, column 1: not JSON"),
    (
        "a.jsonl",
        '{"prompt": "a", "prompt": "b"}',
        ", line 1, column 2: The message data names `prompt` twice",
    ),
    ("a.jsonl", '{"prompt": "a", "params": {"seed": NaN}}', ", line 1, column 1: The message data holds NaN"),
    ("a.jsonl", '{"prompt": "\\ud800"}', ", line 1, column 1: The message data holds a lone surrogate"),
    ("a.jsonl", '{"a":' * 50_000, ", line 1, column 1: The message data nests more than"),
    ("a.json", '[{"prompt": "1"},\n {"prompt": "2"}', ", line 2, column 17: not JSON"),
    ("a.json", "{", ", line 1, column 2: not JSON"),
    ("a.json", "Why?", ", line 1, column 1: not JSON"),
    ("a.json", "[" * 100_000, " is JSON that no request can be"),
    ("a.json", "7", " must hold a request object"),
    ("a.json", '[{"prompt": "1"}, 7]', " must hold a request object"),
    ("a.json", '{"prompt": "1"}\n{"prompt": \n', ", line 2, column 12: not JSON"),
    ("a", '["a", "b"]', " must hold a request object"),
    ("a", '{"prompt": "1"\n{"prompt": "2"}\n', ", line 1, column 15: not JSON"),
    ("a", '[{"prompt": "1"},\n', ", line 2, column 1: not JSON"),
    ("a.csv", "prompt\nWhy?\n", " is a table"),
    ("a.TSV", "prompt\tid\n", " is a table"),
    ("a.jsonl", "", " is empty"),
    ("a.jsonl", "\n\r\n  \n", " is empty"),
    ("a.jsonl", BOM, " is empty"),
    ("a.json", "", " is empty"),
    ("a.json", "[]", " is empty"),
    ("a.txt", "", " is empty"),
    ("a.txt", f"{BOM} \r\n", " is empty"),
    ("a", "\n", " is empty"),
]


@pytest.mark.parametrize(("name", "text", "said"), BROKEN)
def test_a_fault_is_told_with_its_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    """Given files of requests with a fault. I expect file, line and column of it, and what is wrong."""
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")

    assert _fault(file).startswith(f"{file}{said}")


def _fault(file: Path) -> str:
    """The first of the file."""
    try:
        found = list(read_requests(file))
    except Misuse as told:
        return str(told)
    return next(one.unreadable() for one in found if isinstance(one.body, bytes))


def test_the_place_of_a_field_is_that_of_its_name(tmp_path: Path) -> None:
    """Given a fault of one field. I expect its own column, or that of what should hold it."""
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"prompt": "1"}\n{"messages": [{"role": "user", "content": "x"}, {"role": 7}], "params": {}}'
    )
    *_, found = read_requests(file)

    for field, column in (
        ("messages[1].role", 50),
        ("messages[1].content", 49),
        ("params.heat", 63),
        ("prompt", 1),
        ("", 1),
    ):
        assert found.told(f"`{field}` is wrong.") == f"{file}, line 2, column {column}: `{field}` is wrong."


def test_the_place_in_a_list_over_many_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[\n  {"prompt": "1"},\n  {"prompt": "2",\n   "heat": 1}\n]')
    _, found = read_requests(file)

    assert found.told("`heat` is not known.") == f"{file}, item 2, line 4, column 4: `heat` is not known."


#: What comes without a name that says what it is, and how many requests it is; None: one prompt, as it is.
SNIFFED = {
    "lines": (LINES, 2),
    "one line": ('{"prompt": "1"}', 1),
    "blank lines before": ('\n\n{"prompt": "1"}\n{"prompt": "2"}', 2),
    "an object over lines": ('{\n "prompt": "1"\n}', 1),
    "a list": ('[{"prompt": "1"}, {"prompt": "2"}, {"prompt": "3"}]', 3),
    "a list over lines": ('[\n{"prompt": "1"},\n{"prompt": "2"}\n]', 2),
    "words": ("Name a river.", None),
    "a log": ("[2026-11-28 12:00] ERROR: disk full\nWhy?", None),
    "code": ("{ return x; }\nWhat is wrong here?", None),
    "a template": ("{{ name }} is what?", None),
    "a section": ("[bold]Why?[/bold]", None),
    "a quotation": ('"Why?" asked the child.', None),
    "a number": ("42", None),
    "a null": ("null", None),
}


@pytest.mark.parametrize("case", SNIFFED)
def test_without_a_suffix_the_text_decides(tmp_path: Path, case: str) -> None:
    """Given what may come by a pipe. I expect requests where it holds requests, and else a prompt."""
    text, count = SNIFFED[case]
    (tmp_path / "a").write_text(text, encoding="utf-8")

    found = bodies(tmp_path / "a")

    assert found == [{"prompt": text}] if count is None else len(found) == count


def test_a_file_of_lines_that_is_called_json_is_read_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(LINES, encoding="utf-8")

    assert len(bodies(tmp_path / "a.json")) == 2


def test_lines_stream(tmp_path: Path) -> None:
    """Given more lines than are wanted. I expect the first before the last is read, which is broken."""
    with (tmp_path / "a.jsonl").open("wb") as file:
        for number in range(50_000):
            file.write(b'{"prompt": "%d"}\n' % number)
        file.write(b"\xff")

    found = read_requests(tmp_path / "a.jsonl")

    assert next(found).body == {"prompt": "0"}
    with pytest.raises(Misuse, match="line 50001, column 1, byte"):
        list(found)


def test_what_has_no_end_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a line and a file longer than anything that can be meant. I expect a sentence, not all memory."""
    monkeypatch.setattr("penstock_ops.asking.text_lines.LONGEST_LINE", 2**17)
    monkeypatch.setattr("penstock_ops.asking.text_lines.LONGEST_WHOLE", 2**17)
    for name, said in (("a.jsonl", ", line 1: longer"), ("a.txt", " is longer"), ("a", ", line 1: longer")):
        (tmp_path / name).write_text("x" * 2**18)
        assert refusal(tmp_path / name).startswith(said)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """Given no file, a folder, a loop of links, a name too long. I expect each named, and why."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, said in (
        ("none.jsonl", "cannot be read (No such file or directory)"),
        (".", "is a folder"),
        ("loop", "cannot be read (Too many levels of symbolic links)"),
        ("x" * 300, "cannot be read (File name too long)"),
    ):
        assert said in refusal(tmp_path / name)
