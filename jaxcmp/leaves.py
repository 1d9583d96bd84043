"""A state as one array of bytes with an index of its leaves and their digests, and the way back."""

import hashlib
from typing import Any

import jax
import numpy as np

from jaxcmp.errors import JaxcmpError

Arrays = dict[str, np.ndarray]
Index = dict[str, dict[str, Any]]

# The parts of a training state that a model is applied with.
VARIABLES = ("params", "batch_stats", "average")


def pack(state: Any) -> tuple[Index, np.ndarray]:
    """The index of a pytree and a copy of its leaves' bytes, uint8 [n], in the index's order.

    The index has, under the path of each leaf ("params/head/kernel"), its "dtype", its "shape" and
    the "sha256" of path, type, shape and bytes. It is plain JSON.
    """
    named = _named_leaves(state)
    for leaf in named.values():
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()
    flat = {name: _bytes(np.asarray(leaf)) for name, leaf in named.items()}
    index = {name: _entry(name, leaf, flat[name]) for name, leaf in named.items()}
    return index, np.concatenate(list(flat.values()))


def unpack(index: Index, packed: np.ndarray) -> Arrays:
    """The arrays by path; raises ValueError that names one whose bytes are not those packed."""
    arrays, start = {}, 0
    for name, entry in index.items():
        empty = np.empty(entry["shape"], np.dtype(entry["dtype"]))
        data = packed[start : start + empty.nbytes]
        if _entry(name, empty, data) != entry:
            raise ValueError(f"{name} has wrong bytes")
        arrays[name] = data.view(empty.dtype).reshape(empty.shape)
        start += empty.nbytes
    if start != packed.size:
        raise ValueError(f"it has {packed.size - start} bytes too many")
    return arrays


def onto(template: Any, arrays: Arrays, source: str) -> Any:
    """The arrays in the structure of `template` and on its devices.

    The template's leaves are arrays or ShapeDtypeStructs; without a sharding, a leaf goes to the
    default device. Raises JaxcmpError, with `source` in it, that names the first leaf that differs.
    """
    named = _named_leaves(template)
    for name in [*named, *sorted(arrays.keys() - named.keys())]:
        here, there = _describe(named.get(name)), _describe(arrays.get(name))
        if here != there:
            raise JaxcmpError(
                f"{source} is of another shape: {name} is {here} here and {there} there; give the "
                "config that it was made with, or another --workdir"
            )
    placed = [_place(arrays[name], leaf) for name, leaf in named.items()]
    return jax.tree.unflatten(jax.tree.structure(template), placed)


def variables(arrays: Arrays) -> dict[str, Any]:
    """The model's variables as nested dicts on the default device, without the optimizer's state.

    "params" and "batch_stats" (empty for a model that has none), and "average" where there is one.
    """
    tree: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, array in arrays.items():
        *parents, last = name.split("/")
        if parents and parents[0] in VARIABLES:
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = _place(array, None)
    return tree


def _named_leaves(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    if len(named) < len(leaves):
        raise ValueError("two leaves of the state have the same path")
    return named


def _bytes(array: np.ndarray) -> np.ndarray:
    # Flat first, because a scalar cannot be seen as bytes.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _entry(name: str, leaf: Any, data: np.ndarray) -> dict[str, Any]:
    digest = hashlib.sha256(f"{name} {_describe(leaf)} ".encode())
    digest.update(data.data)
    return {"dtype": str(leaf.dtype), "shape": list(leaf.shape), "sha256": digest.hexdigest()}


def _describe(leaf: Any) -> str:
    return "missing" if leaf is None else f"{leaf.dtype}{list(leaf.shape)}"


def _place(array: np.ndarray, leaf: Any) -> jax.Array:
    sharding = getattr(leaf, "sharding", None)
    if sharding is not None and not sharding.is_fully_addressable:
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
    # A copy: a step that donates its state must not write into memory that NumPy owns.
    return jax.device_put(array, sharding, may_alias=False)
