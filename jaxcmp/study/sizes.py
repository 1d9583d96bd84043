"""What a plan has to know of its data, from the data itself."""

from typing import Any

from jaxcmp import data
from jaxcmp.study.plan import Sizes, fractions


def find_sizes(config: Any) -> Sizes:
    """Counts the training images at each fraction of the plan, which no seed changes.

    Raises CommandError or JaxcmpError where the data cannot be loaded.
    """
    options = {key: value for key, value in config.data.items() if key != "train_fraction"}
    data_dir = options.pop("dir")
    num_train, num_channels = {}, 0
    for fraction in fractions(config):
        loaded = data.load(data_dir=data_dir, **options, train_fraction=fraction, seed=0)
        num_train[fraction] = len(loaded.train.labels)
        num_channels = loaded.train.images.shape[-1]
    return Sizes(num_train, num_channels)
