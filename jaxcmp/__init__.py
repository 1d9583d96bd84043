"""On small images, a Vision Transformer or a convolutional network? Trains both, and compares."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jaxcmp.predict import Trained


def restore(folder: "str | Path", which: int | str = "newest") -> "Trained":
    """The trained model of a run folder: see `jaxcmp.predict.restore`."""
    # Imported here: the comparison runs where JAX is not installed.
    from jaxcmp import predict

    return predict.restore(folder, which)
