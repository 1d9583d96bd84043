"""Packed variables: arrays of one name joined in one array, so that a step handles few of them.

XLA's programs for GPUs merge nothing of different arrays: a norm or an optimizer takes a kernel for
each of a model's arrays, and a dispatch takes time on the host for each of them.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# The names that lead to an array in nested dicts: ("block_0", "mlp", "expand", "kernel").
Path = tuple[str, ...]
# A frozen trunk is divided from the head, so arrays of the head are joined with no others.
HEAD = "head"
# A larger array stays alone. To be joined, its gradient would be moved once more, and a kernel for
# it alone takes far longer than the launch of one.
MAX_SIZE = 2**19
# Flax keeps the kernel of a convolution as [height, width, in, out], and cuDNN reads it as
# [out, height, width, in]: kept in Flax's order, it would be transposed for each of its uses.
CUDNN_ORDER, FLAX_ORDER = (3, 0, 1, 2), (1, 2, 3, 0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Packed:
    """The arrays of nested dicts, joined along their first axis: `arrays[i]` is of `paths[i]`.

    Arrays that are joined have the last name of their paths, their type and all but the first axis
    in common. `sizes[i]` are the lengths of their first axes. A pytree: an optimizer, a norm or an
    average takes it as it takes nested dicts.
    """

    arrays: tuple[Any, ...] = ()
    paths: tuple[tuple[Path, ...], ...] = dataclasses.field(default=(), metadata={"static": True})
    sizes: tuple[tuple[int, ...], ...] = dataclasses.field(default=(), metadata={"static": True})

    def __or__(self, other: "Packed") -> "Packed":
        """Returns the arrays of both."""
        entries = [
            entry
            for part in (self, other)
            for entry in zip(part.paths, part.sizes, part.arrays, strict=True)
        ]
        paths, sizes, arrays = zip(*sorted(entries, key=lambda entry: entry[0]), strict=True)
        return Packed(arrays, paths, sizes)

    def split_head(self) -> tuple["Packed", "Packed"]:
        """Returns the arrays of the head, and those of the trunk."""
        head, trunk = Packed(), Packed()
        for array, paths, sizes in zip(self.arrays, self.paths, self.sizes, strict=True):
            entry = Packed((array,), (paths,), (sizes,))
            if paths[0][0] == HEAD:
                head |= entry
            else:
                trunk |= entry
        return head, trunk


def pack(tree: Mapping[str, Any]) -> Packed:
    """Packs the arrays of nested dicts."""
    alike: dict[Any, dict[Path, int]] = {}
    for keys, array in jax.tree_util.tree_leaves_with_path(tree):
        path = tuple(key.key for key in keys)
        size, *others = jax.eval_shape(lambda x: _in_order(x, CUDNN_ORDER), array).shape  # noqa: B023
        kind = (path[0] == HEAD, path[-1], *others, array.dtype)
        alike.setdefault((kind, path) if array.size > MAX_SIZE else kind, {})[path] = size
    entries = sorted(alike.values(), key=tuple)
    paths, sizes = tuple(map(tuple, entries)), tuple(tuple(x.values()) for x in entries)
    # The first argument only says what belongs together.
    return repack(Packed(paths, paths, sizes), tree)


def join(parts: list[Any], sizes: tuple[int, ...]) -> Any:
    """Joins the arrays of an entry, on the host if they are NumPy's."""
    concatenate = np.concatenate if isinstance(parts[0], np.ndarray) else jnp.concatenate
    return concatenate([_in_order(part, CUDNN_ORDER) for part in parts])


def repack(like: Any, tree: Any, join: Callable[[list[Any], tuple[int, ...]], Any] = join) -> Any:
    """Returns `tree`, whose structure is that of `unpack(like)`, packed as `like` is.

    `join` makes an entry of what `tree` has at its paths, and of the sizes.
    """

    def packed(like: Any, part: Any) -> Any:
        if not isinstance(like, Packed):
            return part
        entries = zip(like.paths, like.sizes, strict=True)
        arrays = (join([_at(part, path) for path in paths], sizes) for paths, sizes in entries)
        return Packed(tuple(arrays), like.paths, like.sizes)

    return jax.tree.map(packed, like, tree, is_leaf=_is_packed)


def unpack(tree: Any) -> Any:
    """Returns a tree with nested dicts in place of all that is packed: plain Flax variables."""
    return jax.tree.map(
        lambda part: _nested(part) if _is_packed(part) else part, tree, is_leaf=_is_packed
    )


def _nested(packed: Packed) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for array, paths, sizes in zip(packed.arrays, packed.paths, packed.sizes, strict=True):
        for (*parents, last), part in zip(paths, _divide(array, sizes), strict=True):
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = part
    return tree


def _divide(array: Any, sizes: tuple[int, ...]) -> list[Any]:
    """Divides arrays on a device or the host, or a ShapeDtypeStruct, as they were joined."""
    if isinstance(array, jax.ShapeDtypeStruct):
        return jax.eval_shape(lambda x: _divide(x, sizes), array)
    if isinstance(array, np.ndarray):
        parts = np.split(array, np.cumsum(sizes)[:-1])
    else:
        # The gradient of a split is one concatenation; that of indices, a sum of padded arrays.
        parts = lax.split(array, sizes)
    return [_in_order(part, FLAX_ORDER) for part in parts]


def _in_order(array: Any, order: tuple[int, ...]) -> Any:
    """Transposes the kernel of a convolution; other arrays stay as they are."""
    return array.transpose(order) if array.ndim == len(order) else array


def _at(tree: Any, path: Path) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _is_packed(part: Any) -> bool:
    return isinstance(part, Packed)
