"""Data sets by name: their sources, and their descriptions before they are prepared."""

from typing import NamedTuple

from jaxcmp.data.source import Size, Source
from jaxcmp.data.splits import check_classes
from jaxcmp.errors import CommandError
from jaxcmp.settings import Data
from jaxcmp.settings.keys import OWN_DATA

# What data.dir is for the user's own images.
_PLACES = ("the folder of your images", "your .npz file", "your .parquet file or a folder of some")
PLACES: dict[str, str] = dict(zip(OWN_DATA, _PLACES, strict=True))


class Description(NamedTuple):
    """The facts about a data set that are known before it is prepared.

    `num_classes` is that of the classes in use. `num_train` is None if only the prepared data set
    has it, `image_size` if only images tell it.
    """

    class_names: tuple[str, ...]
    num_classes: int
    num_channels: int
    num_train: int | None
    image_size: Size | None


def open_source(options: Data, *, for_tests: bool = False) -> Source:
    """Opens a data set by its name, and prepares it first if necessary.

    With `skip_bad`, images that cannot be read are left out; `for_tests` the user's own images need
    no training split. Raises CommandError if there is no such data set or no such class in it, and
    JaxcmpError if it cannot be prepared.
    """
    source = _open_at_hand(options, for_tests=for_tests)
    if source is None:
        # TFDS takes a second to import.
        from jaxcmp.data import prepared
        from jaxcmp.data.tfds_source import TfdsSource

        places = {"data_dir": options.dir, "manual_dir": options.manual_dir}
        source = TfdsSource(prepared.find_or_prepare(options.name, **places))
    check_classes(options.classes, source.class_names)
    if not options.skip_bad or options.name == "digits":
        return source
    from jaxcmp.data.sound import Sound

    return Sound(source)


def describe(options: Data) -> Description:
    """Describes a data set without preparing it.

    Raises CommandError if there is no such data set, no such class in it, or if its images have
    several sizes and the options none.
    """
    num_train = None
    source = _open_at_hand(options)
    if source is None:
        from jaxcmp.data import prepared
        from jaxcmp.data.tfds_source import TfdsSource

        builder = prepared.find(options.name, options.dir)
        source = TfdsSource(builder)
        if not prepared.is_prepared(builder):
            num_train = prepared.NUM_TRAIN.get(builder.name)
    check_classes(options.classes, source.class_names)
    size = (options.image_size, options.image_size) if options.image_size else source.stored_size()
    names = source.class_names
    num_classes = len(options.classes or names)
    return Description(names, num_classes, source.num_channels, num_train, size)


def _open_at_hand(options: Data, *, for_tests: bool = False) -> Source | None:
    """Opens the digits or the user's own images, which need no preparation; None for others."""
    name, data_dir = options.name, options.dir
    if name == "digits":
        from jaxcmp.data.digits import Digits

        return Digits()
    if name not in OWN_DATA:
        return None
    if not data_dir:
        raise CommandError(f"--config.data.name={name} needs --config.data.dir, {PLACES[name]}")
    if name == "folder":
        from jaxcmp.data.folder import Folder

        return Folder(data_dir, skips_bad=options.skip_bad, for_tests=for_tests)
    if name == "npz":
        from jaxcmp.data.npz import Npz

        return Npz(data_dir, for_tests=for_tests)
    from jaxcmp.data.parquet import Parquet

    return Parquet(data_dir, for_tests=for_tests)
