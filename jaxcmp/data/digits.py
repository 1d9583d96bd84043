"""The digits that come with scikit-learn: real images that need no download."""

from typing import Any

import numpy as np

from jaxcmp.data import images as image_ops
from jaxcmp.data.splits import held_out
from jaxcmp.data.streams import stream

CLASS_NAMES = tuple(str(digit) for digit in range(10))
# The images have been the same since scikit-learn first shipped them.
VERSION = "1.0.0"
_TEST_FRACTION = 0.2


def read(*, image_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reads the 1,797 handwritten digits (Alpaydin and Kaynak, 1998).

    There is no official test split; a stratified fifth is the test split, always the same one.

    Returns:
      images: uint8 [1797, 8, 8, 1], the grey levels 0..16 spread over 0..255; another size if
        `image_size` is neither 0 nor 8.
      labels: int32 [1797].
      train, test: the positions of each split, ascending.
    """
    # The import takes a second or more, which other data sets need not wait for.
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    if image_size:
        images = np.stack([image_ops.resize(image, image_size=image_size) for image in images])
    labels = digits.target.astype(np.int32)
    train, test = held_out(stream("digits test split", 0), labels, _TEST_FRACTION)
    return images, labels, train, test
