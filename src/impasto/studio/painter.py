"""The process that owns the device: it paints one order after another, and tells the studio what comes of it.

Messages are tuples, a name first. It is asked for ("paint", order, folder) and ("estimate", order), and may be told
("cancel",) about either. It tells ("ready",), ("begun", facts), ("progress", facts, JPEG or None), ("saving",),
("painted", facts) or ("stopped", facts or None), ("failed", sentence), ("estimate", facts). When the pipe closes, it
ends.
"""

from __future__ import annotations

import re
import signal
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.errors import ImageError, ImpastoError
from impasto.srgb import lay_on
from impasto.studio.orders import Order
from impasto.studio.shown import DEEP, jpeg
from impasto.studio.tasks import Cancelled, Tasks
from impasto.threads import wait_briefly

if TYPE_CHECKING:
    from impasto.shared import Shared
    from impasto.transfer import Iterate, Transfer

PREVIEW = 1024  # longest side of a preview, in pixels
PAUSE = 0.25  # seconds between previews, at least
PATHS = re.compile(r""" (?:'[^']*[/\\][^']*'|"[^"]*[/\\][^"]*")""")  # as `repr` quotes them


def paint_orders(connection: Connection) -> None:
    """The life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the studio ends us
    wait_briefly()
    with suppress(OSError):
        _serve(Tasks(connection))


def _serve(tasks: Tasks) -> None:
    import impasto.transfer  # noqa: F401  # torch: seconds, before the first order comes
    from impasto.shared import Shared

    shared = Shared()
    tasks.tell("ready")
    for message in tasks:
        try:
            match message:
                case ("paint", order, folder):
                    _paint(tasks, order, folder, shared)
                case ("estimate", order):
                    with tasks.stoppable():
                        facts = _estimate(order, shared)
                    tasks.tell("estimate", facts)
        except Cancelled:
            tasks.tell("stopped", None)
        except BrokenPipeError:
            raise
        except Exception as error:
            tasks.tell("failed", _sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, ImpastoError):
        return PATHS.sub("", str(error))  # the names of our own files say nothing to anybody
    return f"this is a defect of Impasto: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _prepare(order: Order, shared: Shared) -> Transfer:
    from impasto.transfer import prepare

    if order.continued is not None:
        return prepare(order.content, list(order.styles), continued=order.continued, shared=shared, **order.values)
    return prepare(order.content, list(order.styles), options=order.options(), shared=shared)


def _estimate(order: Order, shared: Shared) -> dict[str, Any]:
    transfer = _prepare(order, shared)
    estimate = transfer.estimate
    return {"seconds": estimate.seconds, "memory": estimate.memory, **_size(transfer)}


def _size(transfer: Transfer) -> dict[str, Any]:
    height, width = transfer.materials.size
    return {"width": width, "height": height}


def _paint(tasks: Tasks, order: Order, folder: Path, shared: Shared) -> None:
    """From the order to its files, a preview every now and then; or to where it is told to stop.

    Cancelled if that is before there is a picture.
    """
    from impasto.output import save_image
    from impasto.remaining import Remaining
    from impasto.states import better

    with tasks.stoppable():
        transfer = _prepare(order, shared)
    costs = transfer.plan.estimate(transfer.layouts).scales
    remaining = Remaining([(cost.evaluations, cost.each) for cost in costs])
    tasks.tell("begun", {"notes": transfer.notes, **_size(transfer)})
    best, shown = None, -PAUSE
    try:
        for state in tasks.each(transfer):
            best = better(state, best)
            tasks.keep(something=not state.last)
            done, total = remaining.work(state)
            facts = {
                "scale": state.scale, "scales": list(state.scales), "step": state.step, "steps": state.steps,
                "fraction": done / total, "seconds": state.seconds, "seconds_left": remaining.seconds_left(state),
                "loss": state.losses["total"],
            }  # fmt: skip
            now = time.monotonic()
            due = state.last or now - shown >= PAUSE
            tasks.tell("progress", facts, _preview(state.picture()) if due else None)
            shown = now if due else shown
    except Cancelled:
        if best is None:
            raise
    finally:
        tasks.keep(something=False)
    assert best is not None, "every run has a state"
    tasks.tell("saving")
    tasks.tell("painted" if best.last else "stopped", _kept(transfer, best, folder))
    if DEEP:  # it takes a while, and nobody waits for it
        recipe, deep = transfer.recipe_of(best), replace(transfer.encoding, depth=16)
        with suppress(ImageError, OSError):
            save_image(best.levels(16), folder / "picture.tiff", recipe=recipe, encoding=deep)


def _kept(transfer: Transfer, state: Iterate, folder: Path) -> dict[str, Any]:
    """The picture's file, and what is told of it."""
    from impasto.command import command_line
    from impasto.output import save_image

    image, recipe = state.picture(), transfer.recipe_of(state)
    save_image(image, folder / "picture.png", recipe=recipe, encoding=replace(transfer.encoding, depth=8))
    return {
        "evaluations": state.evaluations, "seconds": state.seconds, "losses": dict(state.losses), "recipe": recipe,
        "notes": [*transfer.notes, *transfer.mishaps], "width": image.width, "height": image.height,
        "command": command_line(recipe, {}, "picture.png"),
    }  # fmt: skip


def _preview(picture: Image.Image) -> bytes:
    if max(picture.size) > PREVIEW:
        picture.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BILINEAR)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    return jpeg(lay_on(picture.convert("RGB"), alpha))
