"""docs/promises.md names a test for every promise, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXT = (HERE.parent / "docs" / "promises.md").read_text("utf-8")
KEPT, _, NOT_KEPT = TEXT.partition("## Not kept yet")
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def rows(text: str) -> list[tuple[str, str]]:
    """(promise, proofs) of every table."""
    found = re.findall(r"^\| (.+) \| (.+) \|$", text, re.MULTILINE)
    return [row for row in found if not row[1].startswith("proof")]


def functions(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def is_expected_to_fail(function: ast.FunctionDef) -> bool:
    return any("mark.xfail" in ast.unparse(mark) for mark in function.decorator_list)


@pytest.mark.parametrize(("promise", "proofs"), rows(TEXT))
def test_every_promise_has_a_test(promise: str, proofs: str) -> None:
    named = NAMED.findall(proofs)
    assert named, promise
    assert NAMED.sub("", proofs).strip(", ") == "", "something that is no test"
    for file, name in named:
        assert name in functions(file), f"{file} has no {name}"


def test_what_is_kept_passes_and_what_is_not_is_expected_to_fail() -> None:
    for text, kept in ((KEPT, True), (NOT_KEPT, False)):
        for file, name in NAMED.findall(text):
            assert is_expected_to_fail(functions(file)[name]) != kept, name


def test_no_failure_is_expected_that_the_table_does_not_name() -> None:
    expected = {
        (path.name, name)
        for path in HERE.glob("test_*.py")
        for name, function in functions(path.name).items()
        if is_expected_to_fail(function)
    }
    assert expected == set(NAMED.findall(NOT_KEPT))


def test_the_table_is_read() -> None:
    assert len(rows(TEXT)) > 40
