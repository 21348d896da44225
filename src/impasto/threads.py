"""How long threads wait for each other: to be settled before torch is imported."""

import os


def wait_briefly() -> None:
    """Have OpenMP's threads (libgomp's) spin for a short time only, unless the user has said how they are to wait.

    It goes by the environment, which is the program's affair: so the library never calls it. docs/method.md#threads
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
