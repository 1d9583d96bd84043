"""Data sets by name: their sources, and their descriptions before they are prepared."""

from typing import NamedTuple

from jaxcmp.data.source import Source


class Description(NamedTuple):
    """The facts about a data set that are known before it is prepared.

    `num_train` is None if only the prepared data set has it.
    """

    class_names: tuple[str, ...]
    num_channels: int
    num_train: int | None


def open_source(name: str, *, data_dir: str, manual_dir: str) -> Source:
    """Opens a data set by its name, and prepares it first if necessary.

    Raises CommandError if there is no such data set, JaxcmpError if it cannot be prepared.
    """
    if name == "digits":
        from jaxcmp.data.digits import Digits

        return Digits()
    # TFDS takes a second to import.
    from jaxcmp.data import prepared
    from jaxcmp.data.tfds_source import TfdsSource

    return TfdsSource(prepared.find_or_prepare(name, data_dir=data_dir, manual_dir=manual_dir))


def describe(name: str, *, data_dir: str) -> Description:
    """Describes a data set without preparing it; raises CommandError if there is none."""
    if name == "digits":
        from jaxcmp.data.digits import Digits

        return Description(Digits.class_names, Digits.num_channels, None)
    from jaxcmp.data import prepared
    from jaxcmp.data.tfds_source import TfdsSource

    builder = prepared.find(name, data_dir)
    source = TfdsSource(builder)
    is_prepared = prepared.is_prepared(builder)
    num_train = None if is_prepared else prepared.NUM_TRAIN.get(builder.name)
    return Description(source.class_names, source.num_channels, num_train)
