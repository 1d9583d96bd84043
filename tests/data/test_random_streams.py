"""Independent streams of random numbers."""

import itertools

from jaxcmp.data.random_streams import stream


def test_a_stream_repeats_itself():
    assert stream("order", 3, 1).integers(1 << 60) == stream("order", 3, 1).integers(1 << 60)


def test_different_names_seeds_and_numbers_give_different_streams():
    # 2**32 + 5 has the words 5 and 1, which plain entropy confuses with seed 5 and number 1.
    seeds, numbers = (0, 1, 5, 2**32 + 5), ((), (0,), (1,), (0, 1))
    names = ("order", "subset", "validation")
    draws = {
        stream(name, seed, *extra).integers(1 << 60)
        for name, seed, extra in itertools.product(names, seeds, numbers)
    }
    assert len(draws) == len(names) * len(seeds) * len(numbers)
