"""Training and comparison of a Vision Transformer and a ResNet on small images."""

import sys

# True while Python looks for the module of `python -m jaxcmp.x`: a command starts here.
if sys.argv[:1] == ["-m"]:
    from jaxcmp.runtime import entry_points

    entry_points.begin()

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jaxcmp.predict import Trained


def restore(folder: "str | Path", which: int | str = "newest") -> "Trained":
    """Returns the trained model of a run folder: see `jaxcmp.predict.restore`."""
    # Imported here: the comparison runs where JAX is not installed.
    from jaxcmp import predict

    return predict.restore(folder, which)
