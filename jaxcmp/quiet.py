"""What a person is told beside results: our own messages, and of libraries only warnings."""

import logging as standard_logging
import os
import sys
from collections.abc import Callable
from typing import Any

from absl import logging

PACKAGE = os.path.dirname(__file__) + os.sep


def show_messages() -> None:
    """Prints our own messages, such as that data is being decoded, as plain lines to stderr."""
    logger = logging.get_absl_logger()
    handler = standard_logging.StreamHandler()
    handler.setFormatter(standard_logging.Formatter("%(message)s"))
    handler.addFilter(_is_ours_or_a_warning)
    logger.addHandler(handler)
    logger.propagate = False
    logging.set_verbosity(logging.INFO)


def silence_orbax() -> None:
    """Drops its log records, and the complaints of writes that end after one of them failed.

    What it raises, we raise as one line.
    """
    # Adding the same filter again changes nothing.
    logging.get_absl_logger().addFilter(_is_not_from_orbax)
    if not isinstance(sys.unraisablehook, _Hook):
        sys.unraisablehook = _Hook(sys.unraisablehook)


class _Hook:
    """Passes on what nobody could catch, but for late news to an event loop that is gone."""

    def __init__(self, previous: Callable[[Any], object]) -> None:
        self._previous = previous

    def __call__(self, unraisable: Any) -> None:
        error = unraisable.exc_value
        if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            self._previous(unraisable)


def _is_ours_or_a_warning(record: standard_logging.LogRecord) -> bool:
    return record.levelno >= standard_logging.WARNING or record.pathname.startswith(PACKAGE)


def _is_not_from_orbax(record: standard_logging.LogRecord) -> bool:
    return f"{os.sep}orbax{os.sep}" not in record.pathname
