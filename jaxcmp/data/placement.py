"""Whether images live on the devices or are streamed: decided once, from bytes against bytes."""

from typing import NamedTuple

from jaxcmp.errors import CommandError

PLACEMENTS = ("auto", "device", "stream")
# The rest is for the model, its optimizer and what a step needs in between.
_LARGEST_SHARE = 0.5


class Placement(NamedTuple):
    """Where the images are, and one line for a person that says why."""

    is_streamed: bool
    reason: str

    @property
    def name(self) -> str:
        return "stream" if self.is_streamed else "device"


GIVEN = Placement(False, "images on the devices: an array was given")


def choose(placement: str, *, num_bytes: int, free_bytes: int) -> Placement:
    """Decides where `num_bytes` of images go: `auto` streams what takes over half of what is free.

    Raises:
      CommandError: `placement` is none of PLACEMENTS.
    """
    check(placement)
    if placement != "auto":
        words = "on the devices" if placement == "device" else "streamed"
        return Placement(
            placement == "stream", f"images {words}, as data.placement says: {_size(num_bytes)}"
        )
    sizes = f"{_size(num_bytes)}, and {_size(free_bytes)} are free there"
    if num_bytes <= _LARGEST_SHARE * free_bytes:
        return Placement(False, f"images on the devices: {sizes}")
    return Placement(True, f"images streamed, too large for the devices: {sizes}")


def check(placement: str) -> None:
    """Raises CommandError where `placement` is none of PLACEMENTS."""
    if placement not in PLACEMENTS:
        raise CommandError(f"data.placement={placement!r} must be one of {', '.join(PLACEMENTS)}")


def _size(num_bytes: int) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= factor:
            return f"{num_bytes / factor:,.1f} {unit}"
    return f"{num_bytes / 1e3:,.1f} kB"
