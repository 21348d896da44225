"""`impasto texture`: the style alone."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.flags import OptionsCommand, chosen_options
from impasto.cli.painting import Output, paint, with_output_flags
from impasto.errors import OptionsError

if TYPE_CHECKING:
    from impasto.cli.group import Session
    from impasto.transfer import Transfer


@click.command(
    cls=OptionsCommand, of_content=False, short_help="Paint the texture of a painting, without a photograph."
)
@click.argument("styles", metavar="STYLE…", nargs=-1, required=True)
@click.option("--size", "wanted", metavar="WxH", default="512x512", help="Width and height in pixels.  [512x512]")
@click.option("--tileable", is_flag=True, help="Make opposite borders fit, to lay copies side by side.")
@with_output_flags
@click.pass_obj
def texture(
    session: Session,
    /,
    *,
    styles: tuple[str, ...],
    wanted: str,
    tileable: bool,
    output: Output,
    **flags: Any,
) -> None:
    """Paint a texture in the style of STYLE, or of several styles: brushwork and colours of nothing in particular."""
    size = parse_size(wanted)
    from impasto.options import make_texture_options

    options = chosen_options(output.preset, flags, partial(make_texture_options, size, tileable=tileable))
    files = output.files(None, styles)
    files.check(options, size)

    def prepare() -> Transfer:
        from impasto.transfer import prepare_texture

        return prepare_texture(styles, size, options=options, checkpoint=output.checkpoint)

    paint(output, files, options, prepare, session.interrupts)


def parse_size(text: str) -> tuple[int, int]:
    """`768x512` -> (768, 512), width and height; `512` is a square. OptionsError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})(?:[x×]([1-9][0-9]{0,5}))?", text.strip().lower())
    if match is None:
        raise OptionsError(f"--size: expected width and height like 768x512, not {text!r}")
    return int(match[1]), int(match[2] or match[1])
