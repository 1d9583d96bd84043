"""Packed variables: arrays of one name joined in one array, so that a step handles few of them.

XLA's programs for GPUs merge nothing of different arrays: a norm or an optimizer takes a kernel for
each of a model's arrays, and a dispatch takes time on the host for each of them.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from jax import lax

# The names that lead to an array in nested dicts: ("block_0", "mlp", "expand", "kernel").
Path = tuple[str, ...]
Parts = tuple[tuple[Path, int], ...]
# A frozen trunk is divided from the head, so arrays of the head are joined with no others.
HEAD = "head"
# A larger array stays alone. To be joined, its gradient would be moved once more, and a kernel for
# it alone takes far longer than the launch of one.
MAX_SIZE = 2**19
# Fewer arrays stay alone. XLA joins two to four gradients only in a kernel with a single result:
# parameters and momentum would take one each, and one of the two would be copied first.
MIN_JOINED = 5
# Flax keeps the kernel of a convolution as [height, width, in, out]. cuDNN reads it as
# [out, height, width, in] where it convolves images with channels last, and as
# [out, in, height, width] with channels first. In another order it would be transposed for each of
# its uses.
Order = tuple[int, ...]
CHANNELS_LAST: Order = (3, 0, 1, 2)
CHANNELS_FIRST: Order = (3, 2, 0, 1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Packed:
    """The arrays of nested dicts, joined along their first axis: `arrays[i]` is of `parts[i]`.

    A part is a path, and the length of the first axis of the array there. Parts that are joined
    have the last name of their paths, their type and all other axes in common. Kernels of
    convolutions have their axes in `kernel_order`. A pytree: an optimizer, a norm or an average
    takes it as it takes nested dicts.
    """

    arrays: tuple[Any, ...] = ()
    parts: tuple[Parts, ...] = dataclasses.field(default=(), metadata={"static": True})
    kernel_order: Order = dataclasses.field(default=CHANNELS_LAST, metadata={"static": True})

    def __or__(self, other: "Packed") -> "Packed":
        """Returns the arrays of both."""
        arrays = dict(zip(self.parts + other.parts, self.arrays + other.arrays, strict=True))
        parts = tuple(sorted(arrays))
        return self.with_arrays(tuple(arrays[of_one] for of_one in parts), parts)

    def with_arrays(self, arrays: tuple[Any, ...] = (), parts: tuple[Parts, ...] = ()) -> "Packed":
        """Returns these arrays, or none, packed in the same order."""
        return dataclasses.replace(self, arrays=arrays, parts=parts)

    def split_head(self) -> tuple["Packed", "Packed"]:
        """Returns the arrays of the head, and those of the trunk."""
        divided = {True: self.with_arrays(), False: self.with_arrays()}
        for array, parts in zip(self.arrays, self.parts, strict=True):
            (first, _), *_ = parts
            divided[_is_head(first)] |= self.with_arrays((array,), (parts,))
        return divided[True], divided[False]


def pack(
    tree: Mapping[str, Any], *, joins: bool = True, kernel_order: Order = CHANNELS_LAST
) -> Packed:
    """Packs the arrays of nested dicts; each stays alone unless it `joins` them."""
    alike: dict[Any, list[tuple[Path, int]]] = {}
    for keys, array in jax.tree_util.tree_leaves_with_path(tree):
        path = tuple(key.key for key in keys)
        size, *others = jax.eval_shape(lambda x: _in_order(x, kernel_order), array).shape  # noqa: B023
        kind = (_is_head(path), path[-1], *others, array.dtype)
        is_alone = not joins or array.size > MAX_SIZE
        alike.setdefault((kind, path) if is_alone else kind, []).append((path, size))
    groups = []
    for group in alike.values():
        groups += [group] if len(group) >= MIN_JOINED else [[part] for part in group]
    parts = tuple(sorted(map(tuple, groups)))
    # Arrays with these parts are still to be made: that takes only the parts.
    return repack(Packed(parts, parts, kernel_order), tree)


def join(arrays: list[Any], sizes: list[int]) -> Any:
    """Joins arrays with first axes of these sizes, on the host if they are NumPy's."""
    concatenate = np.concatenate if isinstance(arrays[0], np.ndarray) else jnp.concatenate
    return concatenate(arrays)


def repack(like: Any, tree: Any, join: Callable[[list[Any], list[int]], Any] = join) -> Any:
    """Returns `tree`, whose structure is that of `unpack(like)`, packed as `like` is.

    `join` makes one of what `tree` has at the paths of some parts, and of their sizes.
    """

    def packed(like: Any, part: Any) -> Any:
        if not isinstance(like, Packed):
            return part
        arrays = (
            join(
                [_in_order(_at(part, path), like.kernel_order) for path, _ in parts],
                [size for _, size in parts],
            )
            for parts in like.parts
        )
        return like.with_arrays(tuple(arrays), like.parts)

    return jax.tree.map(packed, like, tree, is_leaf=_is_packed)


def unpack(tree: Any) -> Any:
    """Returns a tree with nested dicts in place of all that is packed: plain Flax variables."""
    return jax.tree.map(
        lambda part: _nested(part) if _is_packed(part) else part, tree, is_leaf=_is_packed
    )


def _nested(packed: Packed) -> dict[str, Any]:
    named: dict[Path, Any] = {}
    order = packed.kernel_order
    flax_order = tuple(order.index(axis) for axis in range(len(order)))
    for array, parts in zip(packed.arrays, packed.parts, strict=True):
        paths, sizes = zip(*parts, strict=True)
        named |= zip(paths, _divide(array, sizes, flax_order), strict=True)
    return unflatten_dict(named)


def _divide(array: Any, sizes: Sequence[int], flax_order: Order) -> list[Any]:
    """Divides arrays on a device or the host, or a ShapeDtypeStruct, as they were joined."""
    if isinstance(array, jax.ShapeDtypeStruct):
        return jax.eval_shape(lambda x: _divide(x, sizes, flax_order), array)
    if isinstance(array, np.ndarray):
        parts = np.split(array, np.cumsum(sizes)[:-1])
    else:
        # The gradient of a split is one concatenation; that of indices, a sum of padded arrays.
        parts = lax.split(array, sizes)
    return [_in_order(part, flax_order) for part in parts]


def _in_order(array: Any, order: Order) -> Any:
    """Transposes the kernel of a convolution; what does not have four axes stays as it is."""
    return array.transpose(order) if np.ndim(array) == len(order) else array


def _at(tree: Any, path: Path) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _is_head(path: Path) -> bool:
    return path[0] == HEAD


def _is_packed(part: Any) -> bool:
    return isinstance(part, Packed)
