"""What a plan has to know of its data, from the data itself."""

from typing import Any

from jaxcmp import data, host_memory
from jaxcmp.data.splits import stratified_fraction
from jaxcmp.data.streams import stream
from jaxcmp.study.plan import Sizes, fractions


def find_sizes(config: Any) -> Sizes:
    """Counts the training images at each fraction of the plan, which no seed changes.

    Raises CommandError or JaxcmpError where the data cannot be loaded.
    """
    options: dict[str, Any] = {**config.data, "train_fraction": 1.0}
    whole = data.load(
        data_dir=options.pop("dir"),
        **options,
        # Whoever plans leaves the devices to those who train.
        free_bytes=host_memory.available_bytes(),
        seed=0,
    ).train
    chosen = {
        f: stratified_fraction(stream("count", 0), whole.labels, f) for f in fractions(config)
    }
    return Sizes({f: len(each) for f, each in chosen.items()}, whole.images.shape[-1])
