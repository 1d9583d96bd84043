"""The setup that every command does first: its output and its number type."""

import contextlib
import io
import os
import sys

from jaxcmp.runtime import interrupt
from jaxcmp.text import say


def set_up() -> None:
    """Makes output and results independent of the terminal and of JAX_ENABLE_X64."""
    escape_unencodable()
    force_float32()


def escape_unencodable() -> None:
    """Escapes characters that the terminal's encoding lacks; printing them would fail otherwise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # It may be closed.
                stream.reconfigure(errors="backslashreplace")


def discard_unread() -> None:
    """Drops output whose reader is gone; Python would end with an exit code of its own.

    What cannot be written for another reason stays for Python to report.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):  # It may be closed.
            try:
                stream.flush()
            except BrokenPipeError:
                interrupt.discard(stream.fileno())


def force_float32() -> None:
    """Keeps JAX at float32, the type of all recipes and results, whatever JAX_ENABLE_X64 says."""
    wanted = os.environ.get("JAX_ENABLE_X64", "").strip().lower()
    if wanted not in ("1", "true", "t", "yes", "y", "on"):
        return
    say("JAX_ENABLE_X64 is set and ignored: jaxcmp computes in float32", to_stderr=True)
    # For this process, before JAX reads it, and for its child processes.
    os.environ["JAX_ENABLE_X64"] = "0"
    if "jax" in sys.modules:
        import jax

        jax.config.update("jax_enable_x64", False)
