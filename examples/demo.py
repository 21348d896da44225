"""Paint a photograph in the style of a painting: what `make demo` runs.

    python examples/demo.py --photo coffee --painting autumn --size 512 --strength 0.6

The photograph comes from the scikit-image package, the painting from Impasto itself: nothing is downloaded.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import impasto
from impasto.paintings import PAINTINGS, paint
from impasto.threads import wait_briefly

PHOTOS = ("astronaut", "chelsea", "coffee")
OUTPUT = Path(__file__).parents[1] / "out" / "demo.png"


def main() -> None:
    """Read the command line, paint, and end with the picture's path."""
    wait_briefly()
    parser = argparse.ArgumentParser(
        description="Paint a photograph in the style of a painting.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--photo", choices=PHOTOS, default="chelsea", help="a photograph of scikit-image")
    parser.add_argument("--painting", choices=PAINTINGS, default="whirl", help="a painting that comes with Impasto")
    options = impasto.Options()
    parser.add_argument("--size", type=int, default=options.size, help="longest side in pixels")
    parser.add_argument(
        "--strength", type=float, default=options.strength, help="from 0, the photograph, to 1, all style"
    )
    wanted = parser.parse_args()
    try:
        result = stylize(photograph(wanted.photo), wanted.painting, wanted.size, wanted.strength)
        OUTPUT.parent.mkdir(exist_ok=True)
        result.save(OUTPUT)
    except impasto.ImpastoError as error:
        parser.exit(error.exit_code, f"{error}\n")
    print(OUTPUT)


def photograph(name: str) -> Path:
    """The file of a photograph that scikit-image's package holds; its code is not needed."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise impasto.ImpastoError("the photographs come with scikit-image: pip install 'impasto[demo]'")
    return Path(package.origin).with_name("data") / f"{name}.png"


def stylize(photo: Path, painting: str, size: int, strength: float) -> impasto.Result:
    """`impasto.stylize` with a line now and then on how far it is."""
    transfer = impasto.prepare(photo, paint(painting), size=size, strength=strength)
    for state in transfer:
        if state.step % 10 == 0 or state.step == state.steps:
            place = f"{state.scale:>5} px  {state.step:>3} of {state.steps}"
            print(f"{place}  loss {state.losses['total']:.3f}  {state.seconds:.0f} s", flush=True)
    return transfer.result(state)


if __name__ == "__main__":
    main()
