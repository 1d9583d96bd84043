"""Conversion of a state to named arrays with an index of their digests, and back.

What a state has packed is unpacked here: other programs find each array by its own path.
"""

import hashlib
from typing import Any

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from jaxcmp.errors import JaxcmpError
from jaxcmp.models.packing import repack, unpack

Arrays = dict[str, Any]
Index = dict[str, dict[str, Any]]

# The parts of a training state that evaluation needs.
VARIABLES = ("params", "batch_stats", "average")


def to_host(state: Any) -> Arrays:
    """Copies a pytree's arrays to the host, by path ("params/head/kernel")."""
    for leaf in jax.tree.leaves(state):
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()
    return named_leaves(unpack(jax.tree.map(np.array, state)))


def index_of(arrays: Arrays) -> Index:
    """Makes the index: "dtype", "shape" and "sha256" (of path, type, shape, bytes) by path."""
    return {name: _entry(name, array) for name, array in arrays.items()}


def nest(arrays: Arrays) -> dict[str, Any]:
    """Converts paths to nested dicts, the form that other programs read from a checkpoint."""
    return unflatten_dict(arrays, sep="/")


def verified(index: Index, tree: Any) -> Arrays:
    """Returns the arrays of a tree by path; raises ValueError for one that is not as saved."""
    arrays = {name: np.asarray(leaf) for name, leaf in named_leaves(tree).items()}
    for name in [*index, *sorted(arrays.keys() - index.keys())]:
        if name not in arrays or name not in index:
            raise ValueError(f"{name} is missing from {'it' if name in index else 'its index'}")
        if _entry(name, arrays[name]) != index[name]:
            raise ValueError(f"{name} has wrong bytes")
    return {name: arrays[name] for name in index}


def onto(template: Any, arrays: Arrays, source: str) -> Any:
    """Puts arrays into the structure of `template` and on its devices.

    The template holds arrays or ShapeDtypeStructs; without a sharding, an array goes to the default
    device. Raises JaxcmpError, with `source` in it, that names the first array that differs.
    """
    shapes = unpack(jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), template))
    named = named_leaves(shapes)
    for name in [*named, *sorted(arrays.keys() - named.keys())]:
        here, there = _describe(named.get(name)), _describe(arrays.get(name))
        if here != there:
            raise JaxcmpError(
                f"{source} is of another shape: {name} is {here} here and {there} there; give the "
                "config that it was made with, or another --workdir"
            )
    tree = jax.tree.unflatten(jax.tree.structure(shapes), [arrays[name] for name in named])
    return jax.tree.map(_place, repack(template, tree), template)


def variables(arrays: Arrays) -> dict[str, Any]:
    """Puts the model's variables on the default device, as nested dicts without optimizer state.

    They are "params", "batch_stats" (empty for a model without) and, if there is one, "average".
    """
    placed = {
        name: _place(array, None)
        for name, array in arrays.items()
        if name.partition("/")[0] in VARIABLES
    }
    return {"params": {}, "batch_stats": {}, **nest(placed)}


def named_leaves(tree: Any) -> dict[str, Any]:
    pairs = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}
    if len(named) < len(pairs):
        raise ValueError("two leaves of the state have the same path")
    return named


def _entry(name: str, array: np.ndarray) -> dict[str, Any]:
    digest = hashlib.sha256(f"{name} {_describe(array)} ".encode())
    # Flattened first, because a scalar has no view as bytes.
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "sha256": digest.hexdigest()}


def _describe(leaf: Any) -> str:
    return "missing" if leaf is None else f"{leaf.dtype}{list(leaf.shape)}"


def _place(array: np.ndarray, like: Any) -> jax.Array:
    sharding = getattr(like, "sharding", None)
    if sharding is not None and not sharding.is_fully_addressable:
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
    # A copy: a step that donates its state must not write into memory that NumPy owns.
    return jax.device_put(array, sharding, may_alias=False)
