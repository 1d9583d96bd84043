"""Silences what Orbax prints beside the errors that it raises: we raise those as one line."""

import logging as standard_logging
import os
import sys

from absl import logging


def silence_orbax() -> None:
    """Drops its log records, and the complaints of writes that end after one of them failed."""
    # Adding the same filter again changes nothing.
    logging.get_absl_logger().addFilter(_is_not_from_orbax)
    if not isinstance(sys.unraisablehook, _Hook):
        sys.unraisablehook = _Hook(sys.unraisablehook)


class _Hook:
    """Passes on what nobody could catch, but for late news to an event loop that is gone."""

    def __init__(self, previous) -> None:
        self._previous = previous

    def __call__(self, unraisable) -> None:
        error = unraisable.exc_value
        if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            self._previous(unraisable)


def _is_not_from_orbax(record: standard_logging.LogRecord) -> bool:
    return f"{os.sep}orbax{os.sep}" not in record.pathname
