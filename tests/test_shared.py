"""What runs share is made once, and bounded in number and in bytes."""

from impasto import shared
from impasto.shared import Shared


def test_once() -> None:
    shelf, made = Shared(), []
    assert [shelf.once("style", "key", lambda: made.append(1) or len(made)) for _ in range(2)] == [1, 1]
    assert shelf.get("style", "key") == 1
    assert shelf.get("style", "other") is None


def test_what_was_used_longest_ago_makes_room() -> None:
    shelf = Shared()
    for number in range(shared.MOST["network"]):
        shelf.keep("network", number, number)
    shelf.get("network", 0)
    shelf.keep("network", "new", -1)
    assert (shelf.get("network", 0), shelf.get("network", 1), shelf.get("network", "new")) == (0, None, -1)


def test_large_things_are_bounded_by_their_bytes() -> None:
    shelf = Shared()
    for number in range(4):
        shelf.keep("scale", number, number, shared.MOST_BYTES // 2)
    assert [shelf.get("scale", number) for number in range(4)] == [None, None, 2, 3]
    shelf.keep("scale", "huge", "huge", shared.MOST_BYTES + 1)
    assert shelf.get("scale", "huge") is None
    assert [shelf.get("scale", number) for number in (2, 3)] == [2, 3]
