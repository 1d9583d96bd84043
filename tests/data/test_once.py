"""A split that several threads ask for at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from jaxcmp.data.once import once


def test_threads_that_ask_at_once_share_what_one_of_them_loads():
    loaded = []

    def load(split):
        time.sleep(0.05)
        loaded.append(split)
        return object()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(once(load), ["train", "test"] * 4))
    assert sorted(loaded) == ["test", "train"]
    assert len(set(found)) == 2
