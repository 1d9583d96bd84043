"""Trained weights as a file, under the names that published weights of such a model have."""

import io
import json
from collections.abc import Mapping

import numpy as np
from safetensors import numpy as safetensors

from jaxcmp.errors import CommandError
from jaxcmp.models import ViT
from jaxcmp.predict import Trained
from jaxcmp.pretrained.layouts import LAYOUTS, layouts_of, to_published

# What files of each layout come as.
FORMATS = {"timm_vit": "safetensors", "torch_resnet": "safetensors", "vit_npz": "npz"}

# Offsets are counted from the header's end, which other programs expect to be aligned.
ALIGNMENT = 8


def named_weights(trained: Trained, format: str) -> tuple[bytes, str]:
    """The whole file, "safetensors" or "npz", of float32 arrays; and a note on what is in it.

    The same weights give the same bytes. Raises CommandError where no published weights of such a
    model come in that format.
    """
    kind = type(trained.model).__name__
    layouts = {FORMATS[layout]: layout for layout in layouts_of(trained.model)}
    if format not in layouts:
        raise CommandError(
            f"weights of a {kind} are not published as {format}: give "
            f"--format={' or --format='.join(layouts)}"
        )
    layout = layouts[format]
    named = to_published(layout, trained.variables, trained.model)
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in named.items()}
    note = f"{len(arrays)} float32 arrays of {LAYOUTS[layout].title}."
    if format == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue(), note
    # Software for PyTorch asks for the format; the rest tells a reader what the file is.
    names = json.dumps(trained.class_names, ensure_ascii=False)
    described = {"format": "pt", "architecture": kind, "class_names": names}
    if isinstance(trained.model, ViT):
        described["num_heads"] = str(trained.model.num_heads)
    return _sorted_header(safetensors.save(arrays, described), described), note


def _sorted_header(content: bytes, described: Mapping[str, str]) -> bytes:
    """The same file with its description in one order: the library draws another each time."""
    end = ALIGNMENT + int.from_bytes(content[:ALIGNMENT], "little")
    header = json.loads(content[ALIGNMENT:end]) | {"__metadata__": dict(sorted(described.items()))}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(ALIGNMENT, "little") + text + content[end:]
