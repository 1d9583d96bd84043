"""Pickles are never opened: reading one can run any code."""

from pathlib import Path
from typing import NoReturn

from jaxcmp.errors import CommandError

SUFFIXES = (".pth", ".pt", ".bin", ".pkl", ".pickle", ".ckpt")
# How protocols 2 to 5 begin; 0 and 1 begin with anything.
BEGINNINGS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))


def is_pickle(path: Path, first_bytes: bytes = b"") -> bool:
    """Whether the name, or the first bytes, are a pickle's."""
    return path.suffix.lower() in SUFFIXES or first_bytes.startswith(BEGINNINGS)


def refuse_pickle(path: Path) -> NoReturn:
    """Raises CommandError that says how to convert the file."""
    target = path.with_suffix(".safetensors")
    raise CommandError(
        f"{path} is a pickle, which can run any code when it is read, and is not opened; where "
        'PyTorch is installed this converts it: python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('{path}', map_location='cpu', weights_only=True), '{target}')\""
    )
