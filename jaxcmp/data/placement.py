"""The choice between images on the devices and streamed images, by their size."""

from typing import NamedTuple

# The rest is for the model, the optimizer and a step's activations.
_LARGEST_SHARE = 0.5


class Placement(NamedTuple):
    """The place of the images, and one line with the reason."""

    is_streamed: bool
    reason: str

    @property
    def name(self) -> str:
        return "stream" if self.is_streamed else "device"


GIVEN = Placement(False, "images on the devices: an array was given")


def choose(placement: str, *, num_bytes: int, free_bytes: int) -> Placement:
    """Decides where `num_bytes` of images go: "device", "stream", or "auto" for the free memory."""
    if placement != "auto":
        words = "on the devices" if placement == "device" else "streamed"
        return Placement(
            placement == "stream", f"images {words}, as data.placement says: {_size(num_bytes)}"
        )
    sizes = f"{_size(num_bytes)}, and {_size(free_bytes)} are free there"
    if num_bytes <= _LARGEST_SHARE * free_bytes:
        return Placement(False, f"images on the devices: {sizes}")
    return Placement(True, f"images streamed, too large for the devices: {sizes}")


def _size(num_bytes: int) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= factor:
            return f"{num_bytes / factor:,.1f} {unit}"
    return f"{num_bytes / 1e3:,.1f} kB"
