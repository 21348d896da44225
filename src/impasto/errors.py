"""Every error that Impasto raises on purpose: one sentence that says what was expected and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

_NO_MEMORY = re.compile(r"(out of|enough|allocate) memory|bad_alloc|could not create a primitive")  # the last: oneDNN


class ImpastoError(Exception):
    """Base of all of them; the message is meant for a person, `exit_code` for the shell."""

    exit_code = 1


class ImageError(ImpastoError, ValueError):
    """An image file, in any role, that cannot be read or written."""


class WeightsError(ImpastoError, ValueError):
    """A weights file that is missing, damaged, of another network, or not the one its hash names."""


class SnapshotError(ImpastoError, ValueError):
    """A checkpoint that is damaged, of another run, or cannot be written."""


class OptionsError(ImpastoError, ValueError):
    """Options that are impossible, alone or together, or for this machine."""

    exit_code = 2


class OutOfMemoryError(ImpastoError, MemoryError):
    """The run does not fit; the message names what would."""

    exit_code = 3


class CacheError(ImpastoError):
    """The cache folder cannot hold what does not fit into the memory."""


class DivergedError(ImpastoError, ArithmeticError):
    """The optimiser met NaN or infinity and restarts did not help."""

    exit_code = 4


def is_out_of_memory(error: BaseException) -> bool:
    """Whether that is what an error says, which the libraries do in several ways."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None
    )


@contextmanager
def memory_told(size: int) -> Iterator[None]:
    """Tells what would fit where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, ImpastoError) or not is_out_of_memory(error):
            raise
        remedy = f"try size {size // 2}" if size > 1 else "close other programs"
        raise OutOfMemoryError(f"size {size} does not fit into this machine's memory: {remedy}") from error
