"""Limits that options and files share."""

MAX_PIXELS = 178_956_970  # 2^29 / 3: where Pillow, too, begins to speak of a bomb
