"""Independent streams of random numbers, each named by what it is drawn for."""

import numpy as np


def stream(name: str, seed: int, *numbers: int) -> np.random.Generator:
    """Returns the generator of one use of a seed.

    Two names, two seeds or two `numbers` (an epoch, say) never share a stream, so how much is drawn
    from one does not move another.
    """
    # In a spawn key every part keeps its place; entropy words of unlike length could collide.
    spawn_key = (*name.encode(), *numbers)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))
