"""Test images in a gallery, and how sure an arm is of its answers to them."""

import base64
import io

import numpy as np
from PIL import Image
from scipy.special import softmax

from jaxcmp.compare.arms import Arm


def mean_probabilities(arm: Arm) -> np.ndarray:
    """Returns the probability of each class, [n, classes], mean over the arm's seeds."""
    return np.mean([softmax(each.astype(np.float64), axis=1) for each in arm.logits], axis=0)


def png(image: np.ndarray) -> str:
    """Encodes an image uint8 [height, width, 1, 3 or 4] as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
