"""The number of attention heads, which the shapes in timm's files do not show."""

from collections.abc import Mapping
from typing import Any

from jaxcmp.pretrained.forms import Shape

# Numbers in a head of the published ViTs, whatever their width.
HEAD_WIDTH = 64


def in_description(described: Mapping[str, str]) -> dict[str, int]:
    """The field, of a .safetensors file that tells it, as those exported here do; else none."""
    number = described.get("num_heads", "")
    return {"num_heads": int(number)} if number.isdecimal() else {}


def likely(fields: Mapping[str, Any], model: Any) -> dict[str, int]:
    """The field to set beside another width, where the source does not tell it."""
    width, heads = fields.get("width", 0), getattr(model, "num_heads", None)
    if "num_heads" in fields or heads is None or width == model.width or width % HEAD_WIDTH:
        return {}
    return {} if width // HEAD_WIDTH in (0, heads) else {"num_heads": width // HEAD_WIDTH}


def unsaid(fields: Mapping[str, Any], model: Any, here: Shape) -> list[str]:
    """A note on query, key and value [width, 3 * width], where heads are unusual and not told."""
    is_plain = "num_heads" in fields or here[0] == HEAD_WIDTH * model.num_heads
    return [] if is_plain else [f"taken as {model.num_heads} heads, which the file does not tell"]
