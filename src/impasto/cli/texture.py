"""`impasto texture`: the style alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from impasto.cli.flags import OptionsCommand, chosen_options
from impasto.cli.painting import Painting, with_output_flags
from impasto.cli.report import Report
from impasto.errors import OptionsError

if TYPE_CHECKING:
    from impasto.cli.group import Session
    from impasto.transfer import Transfer

WITHOUT = frozenset(
    (
        "size",
        "height",
        "strength",
        "color",
        "content_mask",
        "content_weight",
        "content_layers",
        "content_loss",
        "detail",
    )
)  # what is about the content


@click.command(
    cls=OptionsCommand, without=WITHOUT, short_help="Paint the texture of a painting, without a photograph."
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
    output: str,
    preset: str | None,
    save_every: int | None,
    preview: bool,
    no_clobber: bool,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Paint a texture in the style of STYLE, or of several styles: brushwork and colours of nothing in particular."""
    report = Report(as_json=as_json, quiet=quiet)
    size = parse_size(wanted)
    from impasto.options import TEXTURE

    borders = {"borders": "circular"} if tileable else {}
    options = chosen_options(TEXTURE if preset is None else preset, flags | borders | {"size": max(size)})
    from impasto.cli.files import Files

    files = Files(None, styles, output, clobber=not no_clobber, save_every=save_every)
    files.check(options, size)

    def prepare() -> Transfer:
        from impasto.transfer import prepare_texture

        return prepare_texture(styles, size, options=options)

    Painting(files, options, prepare, preview, report, session.interrupts).paint()


def parse_size(text: str) -> tuple[int, int]:
    """`768x512` -> (768, 512), width and height; `512` is a square. OptionsError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})(?:[x×]([1-9][0-9]{0,5}))?", text.strip().lower())
    if match is None:
        raise OptionsError(f"--size: expected width and height like 768x512, not {text!r}")
    return int(match[1]), int(match[2] or match[1])
