"""Under which heading an option stands, in the help and on the studio's page."""

SECTIONS = {
    "Picture": ("size", "height", "strength", "color", "init", "seed"),
    "Styles": ("style_weights", "style_scale", "style_size", "content_mask", "style_mask"),
    "Balance": (
        "content_weight", "style_weight", "tv_weight", "content_layers", "style_layers",
        "content_loss", "style_loss", "tv_loss", "detail", "hold",
    ),
    "File": ("depth", "dpi", "profile"),
}  # fmt: skip
OTHERS = "Engine"


def section_of(option: str) -> str:
    """The heading of an option."""
    return next((section for section, names in SECTIONS.items() if option in names), OTHERS)
