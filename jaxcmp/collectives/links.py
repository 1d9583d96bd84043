"""Published bandwidths and times that follow from them: arithmetic, not measurement."""

import dataclasses

# Bytes/s that one GPU can send, by what connects it to the others. NVLink: NVIDIA H100 Tensor Core
# GPU Datasheet (2023), 900 GB/s in both directions together. InfiniBand: NVIDIA ConnectX-7
# Datasheet (2022), 400 Gbit/s, one adapter for each GPU as in a DGX H100.
LINKS = {"NVLink": 450e9, "InfiniBand": 50e9}
DEVICES_PER_HOST = 8
# Bytes/s of a file system, for scale: what one NVMe disk writes.
DISK = 2e9


def lookup_bytes(row_bytes: int, *, batch_per_device: int, num_devices: int) -> int:
    """What each device sends to look up a batch where each holds a part of the rows.

    Every device answers for the whole batch, and the answers are summed in parts.
    """
    return (num_devices - 1) * batch_per_device * row_bytes


@dataclasses.dataclass(frozen=True)
class Step:
    """Seconds of one step's parts; `fraction` is what communication adds if nothing overlaps."""

    compute: float
    communicate: float

    @property
    def fraction(self) -> float:
        return self.communicate / self.compute


def link(num_devices: int) -> str:
    """The slowest link of a ring through so many devices."""
    return "NVLink" if num_devices <= DEVICES_PER_HOST else "InfiniBand"


def ring_bytes(size: int, num_devices: int) -> float:
    """What each device sends in an all-reduce of `size` bytes (Patarasuk and Yuan 2009)."""
    return 2 * (num_devices - 1) / num_devices * size


def ring_seconds(size: int, num_devices: int) -> float:
    return ring_bytes(size, num_devices) / LINKS[link(num_devices)]


def step(
    *, image_flops: int, batch_per_device: int, peak_flops: float, size: int, num_devices: int
) -> Step:
    """Compute at the card's peak rate, so that communication weighs the most."""
    compute = image_flops * batch_per_device / peak_flops
    return Step(compute, ring_seconds(size, num_devices))


def balanced_batch(*, image_flops: int, peak_flops: float, size: int, num_devices: int) -> float:
    """Images per device at which communication takes as long as compute."""
    return ring_seconds(size, num_devices) * peak_flops / image_flops


def scaled_rate(rate: float, *, batch_size: int, to: int, optimizer: str) -> float:
    """Linear for SGD (Goyal et al. 2017), square root for Adam's kind (Malladi et al. 2022)."""
    ratio = to / batch_size
    return rate * (ratio if optimizer == "sgd" else ratio**0.5)
