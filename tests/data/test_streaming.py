"""Images read ahead: in order, the same from any start, and only a few batches ahead."""

import threading
import time

import numpy as np
import pytest

from jaxcmp.data import streaming
from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.streaming import ReadAhead, StoredImages, in_order
from jaxcmp.errors import JaxcmpError

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 2, 3, 1), dtype=np.uint8)


def stored(read=IMAGES.__getitem__):
    return StoredImages(read, np.arange(70), image_sums(IMAGES), (2, 3, 1))


def rows_of(number):
    return (np.arange(50) * 3 + number) % 70


@pytest.fixture
def num_read():
    """Counts the images read during a test."""
    counts = []

    def read(positions):
        counts.append(len(positions))
        return IMAGES[positions]

    return counts, read


def test_a_subset_is_read_like_an_array():
    rows = np.array([5, 60, 7])
    subset = stored().subset(rows)
    assert subset.shape == (3, 2, 3, 1)
    np.testing.assert_array_equal(subset[:], IMAGES[rows])
    np.testing.assert_array_equal(subset[np.array([2, 0])], IMAGES[[7, 5]])
    np.testing.assert_array_equal(subset.sums, image_sums(IMAGES[rows]))


@pytest.mark.parametrize("rows", [np.array([], np.int64), slice(0), np.zeros(70, bool)])
def test_no_rows_give_no_images_and_read_nothing(num_read, rows):
    counts, read = num_read
    images = stored(read)[rows]
    assert images.shape == (0, 2, 3, 1) and images.dtype == np.uint8
    assert not counts


def test_nothing_is_read_before_the_first_batch(num_read):
    counts, read = num_read
    stored(read).subset(np.arange(4))
    reading = ReadAhead(stored(read), rows_of, stop=9)
    assert not counts
    reading.close()


@pytest.mark.parametrize("groups", [[range(0, 1), range(1, 4)], [range(6, 7), range(2, 4)]])
def test_batches_come_in_order_wherever_reading_starts(groups):
    reading = ReadAhead(stored(), rows_of, stop=9)
    for numbers in groups:
        expected = np.stack([IMAGES[rows_of(number)] for number in numbers])
        np.testing.assert_array_equal(reading.take(numbers), expected)
    reading.close()


def test_no_more_is_read_ahead_than_a_few_batches(num_read):
    counts, read = num_read
    reading = ReadAhead(stored(read), rows_of, stop=2**31)
    reading.take(range(0, 1))
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        time.sleep(0.02)
    # Two batches, or one part for each core where there are many.
    most = 50 * (1 + streaming._BATCHES_AHEAD + streaming.num_cores())
    assert 100 <= sum(counts) <= most
    reading.close()


def test_a_repeated_image_is_read_once(num_read):
    counts, read = num_read
    reading = ReadAhead(stored(read), lambda number: np.full(20, 3), stop=1)
    np.testing.assert_array_equal(reading.take(range(1))[0], IMAGES[[3] * 20])
    assert counts == [1]
    reading.close()


def test_an_error_in_a_thread_is_raised_in_place_of_its_batch():
    def read(positions):
        if 69 in positions:
            raise JaxcmpError("a file is cut")
        return IMAGES[positions]

    reading = ReadAhead(
        stored(read), lambda number: np.arange(number * 10, number * 10 + 10), stop=7
    )
    assert reading.take(range(0, 6)).shape == (6, 10, 2, 3, 1)
    with pytest.raises(JaxcmpError, match="a file is cut"):
        reading.take(range(6, 7))
    reading.close()


def test_closing_ends_the_threads():
    before = set(threading.enumerate())
    reading = ReadAhead(stored(), rows_of, stop=2**31)
    reading.take(range(0, 1))
    own = set(threading.enumerate()) - before
    assert own
    reading.close()
    for thread in own:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_calls_made_in_threads_come_back_in_their_order():
    def slow_at_first(index):
        time.sleep(0.05 if index == 0 else 0)
        return index

    assert list(in_order(slow_at_first, 20, num_ahead=10)) == list(range(20))
