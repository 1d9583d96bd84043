"""Data sets by name: their sources, and their descriptions before they are prepared."""

from typing import NamedTuple

from jaxcmp.data.source import Size, Source
from jaxcmp.errors import CommandError
from jaxcmp.settings.keys import OWN_DATA

# What data.dir is for the user's own images.
_PLACES = ("the folder of your images", "your .npz file", "your .parquet file or a folder of some")
PLACES: dict[str, str] = dict(zip(OWN_DATA, _PLACES, strict=True))


class Description(NamedTuple):
    """The facts about a data set that are known before it is prepared.

    `num_train` is None if only the prepared data set has it, `image_size` if only images tell it.
    """

    class_names: tuple[str, ...]
    num_channels: int
    num_train: int | None
    image_size: Size | None


def open_source(
    name: str,
    *,
    data_dir: str,
    manual_dir: str,
    skip_bad: bool = False,
    for_tests: bool = False,
) -> Source:
    """Opens a data set by its name, and prepares it first if necessary.

    With `skip_bad`, images that cannot be read are left out; `for_tests` the user's own images need
    no training split. Raises CommandError if there is no such data set, JaxcmpError if it cannot be
    prepared.
    """
    source = _open_at_hand(name, data_dir, skip_bad=skip_bad, for_tests=for_tests)
    if source is None:
        # TFDS takes a second to import.
        from jaxcmp.data import prepared
        from jaxcmp.data.tfds_source import TfdsSource

        source = TfdsSource(
            prepared.find_or_prepare(name, data_dir=data_dir, manual_dir=manual_dir)
        )
    if not skip_bad or name == "digits":
        return source
    from jaxcmp.data.sound import Sound

    return Sound(source)


def describe(
    name: str, *, data_dir: str, image_size: int = 0, skip_bad: bool = False
) -> Description:
    """Describes a data set without preparing it.

    `image_size` is the side to which images are brought, 0 for the stored size. Raises CommandError
    if there is no such data set, or if its images have several sizes and `image_size` is 0.
    """
    num_train = None
    source = _open_at_hand(name, data_dir, skip_bad=skip_bad, for_tests=False)
    if source is None:
        from jaxcmp.data import prepared
        from jaxcmp.data.tfds_source import TfdsSource

        builder = prepared.find(name, data_dir)
        source = TfdsSource(builder)
        if not prepared.is_prepared(builder):
            num_train = prepared.NUM_TRAIN.get(builder.name)
    size = (image_size, image_size) if image_size else source.stored_size()
    return Description(source.class_names, source.num_channels, num_train, size)


def _open_at_hand(name: str, data_dir: str, *, skip_bad: bool, for_tests: bool) -> Source | None:
    """Opens the digits or the user's own images, which need no preparation; None for others."""
    if name == "digits":
        from jaxcmp.data.digits import Digits

        return Digits()
    if name not in OWN_DATA:
        return None
    if not data_dir:
        raise CommandError(f"--config.data.name={name} needs --config.data.dir, {PLACES[name]}")
    if name == "folder":
        from jaxcmp.data.folder import Folder

        return Folder(data_dir, skips_bad=skip_bad, for_tests=for_tests)
    if name == "npz":
        from jaxcmp.data.npz import Npz

        return Npz(data_dir, for_tests=for_tests)
    from jaxcmp.data.parquet import Parquet

    return Parquet(data_dir, for_tests=for_tests)
