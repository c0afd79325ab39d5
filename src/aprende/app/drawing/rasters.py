"""Pictures within a page: as data URIs, small ones enlarged by the browser without blurring. Knows no run."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing.markup import Markup, tag

Pixels = NDArray[np.uint8]
EXACT = 64  # side up to which a picture is kept pixel by pixel
GAP = 2  # pixels between the pictures of a sheet


def uri(picture: Pixels, side: int = 96) -> str:
    """Return a picture (H, W, 1 or 3) as a data URI: small ones exactly, larger ones as a JPEG of this side at most."""
    held, image = io.BytesIO(), _image(picture)
    if max(image.size) <= EXACT:
        image.save(held, "PNG", optimize=True)
        return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
    image.thumbnail((side, side))
    image.save(held, "JPEG", quality=80, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"


def img(picture: Pixels, alt: str, side: int = 96, tip: str = "", look: str = "") -> Markup:
    """Return an `img` of the picture. tip: what it says on hover; look: its class beside the one for its pixels."""
    small = "exact " if max(picture.shape[:2]) <= EXACT else ""
    return tag(
        "img", src=uri(picture, side), alt=alt, class_=f"{small}{look}".strip() or None, data_tip=tip or None
    )  # fmt: skip


def _image(picture: Pixels) -> Any:
    from PIL import Image

    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else np.ascontiguousarray(picture))


def sheet(pictures: list[list[Pixels]], side: int) -> Pixels:
    """Return rows of pictures, each enlarged or reduced to side × side, as one picture with white between."""
    from PIL import Image

    width = max(len(row) for row in pictures) * (side + GAP) + GAP
    page = Image.new("RGB", (width, len(pictures) * (side + GAP) + GAP), "white")
    for down, row in enumerate(pictures):
        for along, picture in enumerate(row):
            how = Image.Resampling.NEAREST if max(picture.shape[:2]) < side else Image.Resampling.LANCZOS
            shown = _image(picture).convert("RGB").resize((side, side), how)
            page.paste(shown, (GAP + along * (side + GAP), GAP + down * (side + GAP)))
    return np.asarray(page)


def heat(values: NDArray[np.float64]) -> Pixels:
    """Return values (h, w) of 0 to 1 as a picture (h, w, 3): white to blue, with their root, so that weak ones show."""
    share = np.sqrt(np.clip(values, 0, 1))[..., None]
    return np.asarray(255 + share * (np.array([0, 105, 168]) - 255)).round().astype(np.uint8)


def save(picture: Pixels, path: Any) -> None:
    """Write a picture as a PNG file."""
    _image(picture).save(path, "PNG")
