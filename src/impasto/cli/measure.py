"""`impasto measure`: a quality report of a finished picture."""

import json

import click


@click.command()
@click.argument("result")
@click.option("--content", metavar="FILE", required=True, help="The photograph that it was painted from.")
@click.option("--style", "styles", metavar="FILE", multiple=True, required=True, help="A style; again for more.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def measure(result: str, content: str, styles: tuple[str, ...], as_json: bool) -> None:
    """Measure RESULT: style error at each layer, content error, border and grain.

    Errors are relative: 0 is a perfect match. Border and grain are grey levels of 255, less the photograph's own.
    """
    from impasto.quality import measure as measured

    report = measured(result, content, styles)
    click.echo(json.dumps(report.as_dict(), indent=2) if as_json else report.table())
