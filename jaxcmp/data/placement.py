"""The choice where images live by their size: on every device, divided among them, or in files."""

from typing import NamedTuple

from jaxcmp.runtime.memory_errors import size

# The rest is for the model, the optimizer and a step's activations.
_LARGEST_SHARE = 0.5
# Of a device's memory, for a copy on each of several devices. Divided images would take less, but
# looking up a batch would cost three exchanges between the devices in every step.
_COPY_SHARE = 0.05


class Placement(NamedTuple):
    """The place of the images, and one line with the reason.

    Of images on several devices, `is_copied` tells whether each device has all of them.
    """

    is_streamed: bool
    reason: str
    is_copied: bool = False

    @property
    def name(self) -> str:
        return "stream" if self.is_streamed else "device"


GIVEN = Placement(False, "images on the devices: an array was given")


def choose(placement: str, *, num_bytes: int, free_bytes: int, num_devices: int = 1) -> Placement:
    """Decides where `num_bytes` of images go: "device", "stream", or "auto" for the free memory.

    `free_bytes` is the free memory of all devices together, each of which has an equal part.
    """
    is_copied = num_devices > 1 and num_bytes <= _COPY_SHARE * free_bytes / num_devices
    words = "on the devices"
    if num_devices > 1:
        words = f"copied to each of {num_devices}" if is_copied else f"divided among {num_devices}"
        words += " devices"
    if placement == "stream":
        return Placement(True, f"images streamed, as data.placement says: {size(num_bytes)}")
    if placement == "device":
        reason = f"images {words}, as data.placement says: {size(num_bytes)}"
        return Placement(False, reason, is_copied)
    sizes = f"{size(num_bytes)}, and {size(free_bytes)} are free there"
    if num_bytes <= _LARGEST_SHARE * free_bytes:
        return Placement(False, f"images {words}: {sizes}", is_copied)
    return Placement(True, f"images streamed, too large for the devices: {sizes}")
