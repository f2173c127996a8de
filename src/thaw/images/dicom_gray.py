"""From the stored values of a DICOM picture to 8-bit gray: the grayscale pipeline of PS3.4, section N.2."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.processing import apply_windowing

from thaw.images.unreadable import UnreadableError

LEVELS_LIMIT = 2**16  # more different values than this are computed pixel by pixel
WINDOW_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")  # PS3.3, C.11.2.1.3

Values = NDArray[Any]


def monochrome_to_gray(stored: Values, header: Dataset, inverted: bool) -> tuple[NDArray[np.uint8], list[str]]:
    """Show stored values as a viewer would: modality LUT or rescale, then VOI LUT or window, then inversion.

    A VOI LUT goes before a window, the first of several is taken, and without either the picture's own
    smallest..largest value is stretched over 0..255. Padding pixels do not count in that range and become black.

    Args:
        stored: Integers or floats ``(rows, columns)``.
        header: The attributes of the picture.
        inverted: The smallest value is white (MONOCHROME1).

    Returns:
        uint8 ``(rows, columns)``, and what was done in a few words.

    Raises:
        UnreadableError: No pixel, or only one value, is left to show; a lookup table is shorter than it says.
    """
    # a 12-bit picture has at most 4096 different values: each is computed once, then looked up for every pixel
    levels, used, index = _levels(stored)
    padding = _padding(levels, stored.dtype, header)
    shown, note = _voi(_modality(levels, header), used & ~padding, header)
    gray = np.rint(np.clip(np.nan_to_num(shown), 0, 255)).astype(np.uint8)
    if inverted:
        gray = 255 - gray
    gray[padding] = 0
    return gray[index], [note, "padding black"] if (padding & used).any() else [note]


def colour_to_gray(stored: Values, bits: int) -> NDArray[np.uint8]:
    """Weigh RGB ``(rows, columns, 3)`` of ``bits`` bits by ITU-R 601-2, as Pillow does for every other picture."""
    if stored.dtype != np.uint8 or bits != 8:
        stored = np.rint(np.clip(stored / (2**bits - 1), 0, 1) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(stored).convert("L"))


def _levels(stored: Values) -> tuple[Values, NDArray[np.bool_], Any]:
    """Return the values to compute, which of them occur, and the index that gives the picture back."""
    if stored.dtype.kind in "iu":
        low, high = int(stored.min()), int(stored.max())
        if high - low < LEVELS_LIMIT:
            index = stored.astype(np.int64) - low
            used = np.zeros(high - low + 1, bool)
            used[index] = True
            return np.arange(low, high + 1), used, index
    return stored, np.ones(stored.shape, bool), ...


def _padding(levels: Values, dtype: np.dtype[Any], header: Dataset) -> NDArray[np.bool_]:
    """Return where a level is padding: one value, or a range of them (PS3.3, C.7.5.1.1.2)."""
    value = first_number(header, "PixelPaddingValue")
    if value is None or dtype.kind not in "iu":
        return np.zeros(levels.shape, bool)
    limit = first_number(header, "PixelPaddingRangeLimit")
    bits = dtype.itemsize * 8
    # scanners write -2000 as 63536 and the other way round: both mean the same bits
    ends = [
        int(np.int64(end).astype(dtype)) if -(2 ** (bits - 1)) <= end < 2**bits else int(end)
        for end in (value, value if limit is None else limit)
    ]
    return (levels >= min(ends)) & (levels <= max(ends))


def _modality(levels: Values, header: Dataset) -> Values:
    """Apply the modality LUT or the rescale slope and intercept (PS3.3, C.11.1)."""
    tables = header.get("ModalityLUTSequence")
    if tables:
        return _looked_up(levels, tables[0])[0]
    slope, intercept = first_number(header, "RescaleSlope"), first_number(header, "RescaleIntercept")
    if slope is None or intercept is None:
        return levels
    return levels.astype(np.float64) * slope + intercept


def _voi(values: Values, counted: NDArray[np.bool_], header: Dataset) -> tuple[Values, str]:
    """Return ``values`` mapped to 0..255, and by what; only ``counted`` ones make a full range."""
    tables = header.get("VOILUTSequence")
    if tables and tables[0].get("LUTDescriptor") is not None and tables[0].get("LUTData") is not None:
        shown, brightest = _looked_up(values, tables[0])
        return shown * (255 / brightest), "VOI LUT"
    window = _window(header)
    if window is not None:
        function = "" if window.VOILUTFunction == "LINEAR" else f" {window.VOILUTFunction}"
        note = f"window {window.WindowCenter:g}/{window.WindowWidth:g}{function}"
        return apply_windowing(values, window), note
    finite = values[counted & np.isfinite(values)]
    if not finite.size:
        raise UnreadableError("no pixel that is finite and no padding")
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        raise UnreadableError(f"constant picture: every pixel is {low:g}")
    # halved first: the span of extreme floats would overflow
    return (values / 2 - low / 2) / (high / 2 - low / 2) * 255, "full range"


def _window(header: Dataset) -> Dataset | None:
    """Return the first window as attributes whose output range is 0..255, or None without a usable one."""
    center, width = first_number(header, "WindowCenter"), first_number(header, "WindowWidth")
    function = str(header.get("VOILUTFunction") or "LINEAR").upper()
    if function not in WINDOW_FUNCTIONS or center is None or width is None or not np.isfinite([center, width]).all():
        return None
    if width <= 0 or (function == "LINEAR" and width < 1):
        return None  # C.11.2.1.2.1 forbids it; 0 stands in files whose writer knew no window
    window = Dataset()
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 8, 0
    # past the text form of at most 16 characters that the attributes have in a file
    window.add_new("WindowCenter", "FD", center)
    window.add_new("WindowWidth", "FD", width)
    window.VOILUTFunction = function
    return window


def _looked_up(values: Values, table: Dataset) -> tuple[Values, int]:
    """Return ``values`` through a modality or VOI LUT, and the table's largest possible output.

    pydicom's own functions keep the index in the type of the table's entries: 12-bit values wrap in a table of
    8-bit entries, and some depths that PS3.3 (C.11.1.1, C.11.2.1.1) allows are refused.
    """
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    count = count or 2**16
    content = table.LUTData
    if isinstance(content, bytes):
        word = ">u2" if table.original_encoding[1] is False else "<u2"
        wide = len(content) >= 2 * count
        content = np.frombuffer(content[: 2 * count], word) if wide else np.frombuffer(content, np.uint8)
    entries = np.array(content, np.int64, ndmin=1)[:count]
    if len(entries) < count:
        raise UnreadableError(f"damaged DICOM: a lookup table of {count} entries has {len(entries)}")
    index = np.clip(np.rint(values) - first, 0, count - 1).astype(np.int64)
    return entries[index], max(2**bits - 1, int(entries.max()))


def first_number(header: Dataset, keyword: str) -> float | None:
    """Return an attribute's first value, or None where it is missing or empty."""
    value = header.get(keyword)
    if value is None or value == "":
        return None
    try:
        return float(value)
    except TypeError:
        return float(value[0]) if len(value) else None
