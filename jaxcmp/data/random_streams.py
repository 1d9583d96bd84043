"""Independent streams of random numbers, each named by its use."""

import numpy as np


def stream(name: str, seed: int, *numbers: int) -> np.random.Generator:
    """Returns the generator of random numbers for one use of a seed.

    Different names, seeds or `numbers` (an epoch, say) give independent streams, so drawing more
    from one does not change another.
    """
    # In a spawn key the parts stay separate; entropy words of different lengths could collide.
    spawn_key = (*name.encode(), *numbers)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=spawn_key))
