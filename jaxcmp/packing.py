"""Packed variables: arrays of one name and shape in one stack, so that a step handles few arrays.

XLA's programs for GPUs join nothing of different arrays: a norm or an optimizer takes a kernel for
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
# A frozen trunk is divided from the head, so the head's arrays share no stack with others.
HEAD = "head"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Packed:
    """The arrays of nested dicts as stacks: each is [n, ...] and has a row for each of its paths.

    Arrays of one stack have the last name of their paths, the shape and the type in common. A
    pytree: an optimizer, a norm or an average takes it as it takes nested dicts.
    """

    stacks: tuple[Any, ...] = ()
    paths: tuple[tuple[Path, ...], ...] = dataclasses.field(default=(), metadata={"static": True})

    def __or__(self, other: "Packed") -> "Packed":
        """Joins the stacks of both."""
        stacks = dict(zip(self.paths + other.paths, self.stacks + other.stacks, strict=True))
        paths = tuple(sorted(stacks))
        return Packed(tuple(stacks[of_stack] for of_stack in paths), paths)

    def split_head(self) -> tuple["Packed", "Packed"]:
        """Returns the stacks of the head, and those of the trunk."""
        parts = {True: Packed(), False: Packed()}
        for stack, paths in zip(self.stacks, self.paths, strict=True):
            parts[_is_head(paths[0])] |= Packed((stack,), (paths,))
        return parts[True], parts[False]


def pack(tree: Mapping[str, Any]) -> Packed:
    """Packs the arrays of nested dicts."""
    alike: dict[Any, list[Path]] = {}
    for keys, array in jax.tree_util.tree_leaves_with_path(tree):
        path = tuple(key.key for key in keys)
        alike.setdefault((_is_head(path), path[-1], array.shape, array.dtype), []).append(path)
    paths = tuple(sorted(map(tuple, alike.values())))
    return repack(Packed(paths, paths), tree)


def repack(like: Any, tree: Any, stack: Callable[[list[Any]], Any] = jnp.stack) -> Any:
    """Returns `tree`, whose structure is that of `unpack(like)`, packed as `like` is.

    `stack` makes a stack of its rows.
    """

    def packed(like: Any, part: Any) -> Any:
        if not isinstance(like, Packed):
            return part
        rows = ([_at(part, path) for path in paths] for paths in like.paths)
        return Packed(tuple(map(stack, rows)), like.paths)

    return jax.tree.map(packed, like, tree, is_leaf=_is_packed)


def unpack(tree: Any) -> Any:
    """Returns a tree with nested dicts in place of all that is packed: plain Flax variables."""
    return jax.tree.map(
        lambda part: _nested(part) if _is_packed(part) else part, tree, is_leaf=_is_packed
    )


def _nested(packed: Packed) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for stack, paths in zip(packed.stacks, packed.paths, strict=True):
        for (*parents, last), row in zip(paths, _rows(stack), strict=True):
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = row
    return tree


def _rows(stack: Any) -> list[Any]:
    """Returns the rows of arrays on a device or the host, or the rows' ShapeDtypeStructs."""
    if isinstance(stack, jax.ShapeDtypeStruct):
        return [jax.ShapeDtypeStruct(stack.shape[1:], stack.dtype)] * stack.shape[0]
    if isinstance(stack, np.ndarray):
        return list(stack)
    # The gradient of a split is one concatenation; that of indices, a sum of padded arrays.
    return [row.reshape(row.shape[1:]) for row in lax.split(stack, [1] * stack.shape[0])]


def _at(tree: Any, path: Path) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _is_head(path: Path) -> bool:
    return path[0] == HEAD


def _is_packed(part: Any) -> bool:
    return isinstance(part, Packed)
