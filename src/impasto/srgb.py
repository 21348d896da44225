"""Any Pillow image to opaque 8-bit sRGB: sample depth, colour profile, transparency."""

import io
from functools import cache
from typing import cast

import numpy as np
from PIL import Image, ImageChops, ImageCms

from impasto.errors import ImageError

_BLACK = 25  # the brightest level of black paint
# ICC's name of a profile's colour space -> the Pillow mode it describes
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}


def opaque_srgb(image: Image.Image, paper: str = "white") -> tuple[Image.Image, tuple[str, ...]]:
    """An image of any mode as "RGB" in sRGB over paper (itself if it is that), and notes on what was ignored.

    Raises ImageError with a predicate ("has samples ...") for numbers that have no agreed meaning as colours.
    """
    rgb, alpha, notes = split_srgb(image)
    return lay_on(rgb, alpha, paper), notes


def split_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None, tuple[str, ...]]:
    """The same with the colours as they are, and the opacity apart: "L", or None where all is opaque."""
    image = _eight_bits(image)
    colour, alpha = _split_alpha(image)
    if alpha is not None and cast("tuple[int, int]", alpha.getextrema())[0] == 255:
        alpha = None
    rgb, notes = _convert_colour(colour, image.info.get("icc_profile"))
    return rgb, alpha, notes


def lay_on(rgb: Image.Image, alpha: Image.Image | None, paper: str = "white") -> Image.Image:
    """Colours of `split_srgb`, which are changed, on paper as far as they cover it."""
    if alpha is not None:
        rgb.paste(paper, mask=ImageChops.invert(alpha))
    return rgb


def opaque_mask(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """The same of a mask: what is transparent is black; of black paint on nothing, the paint is white."""
    rgb, alpha, notes = split_srgb(image)
    rgb = lay_on(rgb, alpha, "black")
    is_black = max(high for _, high in cast("tuple[tuple[int, int], ...]", rgb.getextrema())) <= _BLACK
    if alpha is not None and is_black:
        return alpha.convert("RGB"), notes
    return rgb, notes


@cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, the same bytes on every day."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # the date of its making: 1 January 2000
    return bytes(profile)


def profile_mode(icc: object) -> str | None:
    """The Pillow mode that an ICC profile describes; None for what is no profile, or of no mode that we know."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(cast(bytes, icc)))
        return _PROFILE_MODES.get(profile.profile.xcolor_space)
    except Exception:  # little CMS fails in many ways
        return None


def from_srgb(rgb: Image.Image, icc: bytes) -> Image.Image:
    """An "RGB" image in sRGB as numbers of an RGB profile."""
    return _transform(_pillows_srgb(), ImageCms.ImageCmsProfile(io.BytesIO(icc)), "RGB").apply(rgb)


def can_be_written(icc: object) -> bool:
    """Whether this is an ICC profile that sRGB pictures can be converted to: of RGB, with the way there in it."""
    try:
        return profile_mode(icc) == "RGB" and bool(from_srgb(Image.new("RGB", (1, 1)), cast(bytes, icc)))
    except Exception:
        return False


def _eight_bits(image: Image.Image) -> Image.Image:
    """Samples wider than 8 bits to "L" or "LA"; other images as they are."""
    if image.mode == "F":
        return _from_floats(image)
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    wide = image.convert("I") if image.mode != "I" else image
    low, high = cast("tuple[int, int]", wide.getextrema())
    if low < 0 or high > 65535:
        raise ImageError(f"has integer samples from {low} to {high}: expected 0 to 65535")
    # Pillow's own conversion to "L" clips at 255
    grey = wide.point([(sample * 255 + 32767) // 65535 for sample in range(65536)], "L")
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(wide.point([255 * (sample != transparent) for sample in range(65536)], "L"))
    grey.info = {"icc_profile": image.info.get("icc_profile")}
    return grey


def _from_floats(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    low, high = samples.min(), samples.max()
    if not (low >= 0 and high <= 1):  # so put, NaN is refused as well
        raise ImageError(f"has float samples from {low:g} to {high:g}: expected 0 to 1")
    grey = Image.fromarray(np.rint(samples * 255).astype(np.uint8))
    grey.info = {"icc_profile": image.info.get("icc_profile")}
    return grey


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour in "L", "RGB", "CMYK" or "LAB", and the alpha channel where there is one."""
    if image.has_transparency_data:
        grey = image.mode in ("1", "L", "LA", "La")
        wanted = "LA" if grey else "RGBA"
        image = image if image.mode == wanted else image.convert(wanted)
        return image.convert("L" if grey else "RGB"), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _convert_colour(colour: Image.Image, icc: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """To sRGB by the embedded profile, or by the mode's usual meaning."""
    if icc:
        try:
            return _through_profile(colour, ImageCms.ImageCmsProfile(io.BytesIO(icc))), ()
        except Exception:  # little CMS fails in many ways, and a wrong profile must not cost the picture
            return _convert_colour(colour, None)[0], ("broken colour profile ignored",)
    if colour.mode == "LAB":
        return _through_profile(colour, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), ()
    return colour if colour.mode == "RGB" else colour.convert("RGB"), ()


def _through_profile(colour: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _PROFILE_MODES[profile.profile.xcolor_space]
    if colour.mode == "L" and mode == "RGB":  # grey photographs often carry the camera's RGB profile
        colour = colour.convert("RGB")
    return _transform(profile, _pillows_srgb(), colour.mode).apply(colour)


def _pillows_srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _transform(
    before: ImageCms.ImageCmsProfile, after: ImageCms.ImageCmsProfile, mode: str
) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        before,
        after,
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
