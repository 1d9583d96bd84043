"""Logging: our own messages as plain lines, and only warnings of libraries."""

import logging as standard_logging
import os
import sys
from collections.abc import Callable
from typing import Any

from absl import logging

from jaxcmp.text import printable

PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def show_messages() -> None:
    """Prints our own messages, such as that data is being decoded, as plain lines to stderr."""
    logger = logging.get_absl_logger()
    handler = standard_logging.StreamHandler()
    handler.setFormatter(_Formatter())
    handler.addFilter(_is_ours_or_a_warning)
    logger.addHandler(handler)
    logger.propagate = False
    logging.set_verbosity(logging.INFO)


class _Formatter(standard_logging.Formatter):
    """A formatter of one line for each of our messages; those of libraries may have several."""

    def formatMessage(self, record: standard_logging.LogRecord) -> str:
        return printable(record.message, keep="" if record.pathname.startswith(PACKAGE) else "\n\t")


def silence_orbax() -> None:
    """Drops Orbax's log records, and its reports about writes that end after another one failed.

    Its exceptions become one-line errors in `checkpoint`.
    """
    # Adding the same filter again changes nothing.
    logging.get_absl_logger().addFilter(_is_not_from_orbax)
    if not isinstance(sys.unraisablehook, _UnraisableHook):
        sys.unraisablehook = _UnraisableHook(sys.unraisablehook)


class _UnraisableHook:
    """An unraisable hook that drops errors about a closed event loop, and passes on others."""

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
