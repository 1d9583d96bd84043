"""TFDS data sets: found in a folder, or prepared there without TensorFlow."""

import contextlib
import difflib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import constants, read_only_builder
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxcmp.data import cifar10, network
from jaxcmp.data.tfds_source import Builder, feature_keys
from jaxcmp.errors import CommandError, JaxcmpError, first_line

# name, name/config, name:version or name/config:version; a namespace would download code.
_NAME = re.compile(r"[A-Za-z]\w*(/\w[\w.\-]*)?(:[\d.*]+)?")
_TFDS_SERVER = "https://storage.googleapis.com"
# Numbers of training images that TFDS's code does not have; all but SVHN are balanced.
NUM_TRAIN = {
    "cifar10": 50_000,
    "cifar100": 50_000,
    "fashion_mnist": 60_000,
    "kmnist": 60_000,
    "mnist": 60_000,
    "svhn_cropped": 73_257,
}


def find_or_prepare(name: str, *, data_dir: str | None, manual_dir: str | None) -> Builder:
    """Returns the builder of a prepared data set, and prepares it first if necessary.

    Data sets unknown to TFDS's code are found by their files; others are prepared, if that is
    possible without TensorFlow.

    Args:
      name: the data set, with config and version where needed: `name/config:version`.
      data_dir: the folder of prepared data sets; TFDS's default folder if empty.
      manual_dir: the folder of downloaded archives; `downloads/manual` in `data_dir` if empty.

    Raises:
      CommandError: there is no such data set, or it is not one of image classification.
      JaxcmpError: it is not prepared and cannot be.
    """
    builder = find(name, data_dir)
    # Checked before anything is downloaded.
    feature_keys(builder)
    if is_prepared(builder):
        return builder
    root = Path(builder.data_dir_root).expanduser()
    manual = Path(manual_dir).expanduser() if manual_dir else root / "downloads" / "manual"
    if builder.name == cifar10.Cifar10.name:
        fresh, manual = _plan_cifar10(root, manual)
    else:
        fresh = tfds.builder(name, data_dir=str(root), file_format="array_record")
        if _needs_network(builder, manual):
            _require_network(builder, root, manual)
    logging.info("Preparing %s in %s", name, root)
    try:
        _prepare(fresh, root, manual)
    except JaxcmpError:
        # Another process of the same run may have prepared it first.
        builder = find(name, data_dir)
        if not is_prepared(builder):
            raise
        return builder
    return fresh


def find(name: str, data_dir: str | None) -> Builder:
    """Returns a builder of any prepared version, or else of one that is not prepared.

    Raises CommandError if there is no such data set.
    """
    if not _NAME.fullmatch(name):
        raise _unknown(name, data_dir)
    folder = str(Path(data_dir).expanduser()) if data_dir else None
    try:
        with _without_log():
            builder = tfds.builder(name, data_dir=folder)
            if not builder.is_prepared():
                # The code knows one version; the folder may hold another.
                with contextlib.suppress(tfds.core.DatasetNotFoundError):
                    return read_only_builder.builder_from_files(name, data_dir=folder)
            return builder
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown(name, data_dir) from error
    except (AssertionError, ValueError) as error:  # A config or a version that does not exist.
        raise CommandError(f"data set {name!r} cannot be opened: {_reason(error)}") from error
    except Exception as error:  # TFDS passes on any error of its parsers.
        raise JaxcmpError(f"data set {name!r} cannot be opened: {_reason(error)}") from error


def is_prepared(builder: Builder) -> bool:
    with _without_log():
        return builder.is_prepared()


def _unknown(name: str, data_dir: str | None) -> CommandError:
    folder = Path(data_dir).expanduser() if data_dir else Path(constants.DATA_DIR)
    known = ["digits", *tfds.list_builders(with_community_datasets=False)]
    if folder.is_dir():
        known += sorted(path.name for path in folder.iterdir() if path.is_dir())
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "choose one from the catalog of TFDS"
    return CommandError(f"there is no data set {name!r}, neither in TFDS nor in {folder}: {hint}")


def _plan_cifar10(root: Path, manual: Path) -> tuple[Builder, Path]:
    """Returns our builder, and the folder where it finds the archive if there is one."""
    fresh = cifar10.Cifar10(data_dir=str(root), file_format="array_record")
    archive = cifar10.find_archive([manual, root / "downloads" / "manual"])
    if archive is not None:
        return fresh, archive.parent
    if not cifar10.downloaded_archive(root / "downloads"):
        _require_network(fresh, root, manual)
        logging.info("Downloading %s (162 MiB)", cifar10.URL)
    return fresh, manual


def _needs_network(builder: Builder, manual: Path) -> bool:
    names = [info.filename for info in (builder.url_infos or {}).values()]
    is_at_hand = all(name and (manual / name).exists() for name in names)
    return not is_at_hand or not (names or builder.MANUAL_DOWNLOAD_INSTRUCTIONS)


def _require_network(builder: Builder, root: Path, manual: Path) -> None:
    """Raises JaxcmpError at once if a download would block for minutes."""
    urls = list(builder.url_infos or {})
    if network.is_reachable(urls[0] if urls else _TFDS_SERVER):
        return
    others = f" (and {len(urls) - 1} more)" if len(urls) > 1 else ""
    fetch = f"fetch {urls[0]}{others} elsewhere and put it into {manual}, or " if urls else ""
    raise JaxcmpError(
        f"{builder.name} is not prepared in {root} and the network is unreachable: "
        f"{fetch}set data.dir to a folder where it is prepared"
    )


def _prepare(builder: Builder, root: Path, manual: Path) -> None:
    config = tfds.download.DownloadConfig(try_download_gcs=False, manual_dir=str(manual))
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        # TFDS prints to stdout, which belongs to the program's own output.
        with _without_log(), contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_config=config)
    except ImportError as error:
        raise JaxcmpError(
            f"TFDS needs TensorFlow to prepare {builder.name}: where TensorFlow is, run "
            f"`tfds build {builder.name} --data_dir={root} --file_format=array_record`"
        ) from error
    except NonMatchingChecksumError as error:
        raise JaxcmpError(
            f"the download for {builder.name} is not the official archive (its sha256 differs): "
            f"fetch it elsewhere and put it into {manual}"
        ) from error
    except Exception as error:  # Builders of data sets raise nearly anything.
        raise JaxcmpError(
            f"{builder.name} cannot be prepared in {root}: {_reason(error)}"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # Drop TFDS's own call before the reason, and names of other configs after it.
    own_call = r'^Failed to construct dataset .*?}": '
    return re.sub(own_call, "", first_line(error)).split(". Here are")[0]


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Suppresses TFDS's own log lines."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
