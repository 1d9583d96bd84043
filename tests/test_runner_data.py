"""Resident and streamed data: the same batches, the same steps, each example once."""

import re

import jax
import numpy as np
import pytest
from test_runner import SPLITS as RESIDENT
from test_runner import compiled, run
from trials import IMAGES, MIXED, RESNET, VIT, Trial, assert_same

from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.streaming import StoredImages
from jaxcmp.runner import Batches, ResidentData, StreamedData
from jaxcmp.runtime import devices


def stored(images):
    positions = np.arange(len(images))
    return StoredImages(images.__getitem__, positions, image_sums(images), images[0].shape)


STREAMED = {name: (stored(images), labels) for name, (images, labels) in RESIDENT.items()}


def both(num_devices, is_copied=False):
    """Returns the resident and the streamed data, with a fitting evaluation batch."""
    mesh = devices.make_mesh(jax.devices()[:num_devices])
    batches = Batches(seed=3, batch_size=16, eval_batch_size=10 if num_devices == 1 else 16)
    resident = ResidentData(RESIDENT, mesh, batches, is_copied=is_copied)
    return resident, StreamedData(STREAMED, mesh, batches)


def batches(data, steps):
    """Returns the images and labels of each step."""
    resident, rows = data.batches(steps)
    take = jax.jit(data.take)
    return [
        tuple(map(np.asarray, take(resident, jax.tree.map(lambda x: x[i], rows))))  # noqa: B023
        for i in range(len(steps))
    ]


@pytest.mark.parametrize(("num_devices", "is_copied"), [(1, False), (8, False), (8, True)])
@pytest.mark.parametrize("groups", [[range(1, 2), range(2, 5), range(5, 9)], [range(6, 9)]])
def test_streamed_batches_are_the_resident_ones_bit_for_bit(num_devices, is_copied, groups):
    resident, streamed = both(num_devices, is_copied)
    for steps in groups:
        pairs = zip(batches(resident, steps), batches(streamed, steps), strict=True)
        for (images, labels), (same_images, same_labels) in pairs:
            np.testing.assert_array_equal(images, same_images)
            np.testing.assert_array_equal(labels, same_labels)
    streamed.close()


def test_steps_out_of_order_restart_the_reading():
    resident, streamed = both(1)
    for step in (5, 6, 2, 5):
        (images, _), (same, _) = (
            batches(f, range(step, step + 1))[0] for f in (resident, streamed)
        )
        np.testing.assert_array_equal(images, same)
    streamed.close()


@pytest.mark.parametrize(("num_devices", "is_copied"), [(1, False), (8, False), (8, True)])
def test_rows_of_a_split_come_in_order_with_an_incomplete_batch(num_devices, is_copied):
    rows = np.array([3, 5, 6, *range(20, 38)], np.int32)
    for data in both(num_devices, is_copied):
        batches_read = [np.asarray(images) for images in data.in_order("train", rows)]
        assert {len(batch) for batch in batches_read} == {10 if num_devices == 1 else 16}
        np.testing.assert_array_equal(np.concatenate(batches_read)[:21], IMAGES[rows])


SINGLE = [range(step, step + 1) for step in range(1, 6)]


@pytest.mark.parametrize(
    ("model", "num_devices", "groups", "one", "other"),
    [
        (VIT, 8, SINGLE, {}, {"splits": STREAMED}),
        (RESNET, 1, SINGLE, {}, {"splits": STREAMED}),
        (VIT.clone(image_size=12), 1, SINGLE, {}, {"splits": STREAMED}),
        # Grouped steps are streamed together.
        (VIT, 1, [range(1, 3), range(3, 5), range(5, 6)], {}, {"splits": STREAMED}),
        # Divided images, and a copy on each device.
        (VIT, 8, SINGLE, {"is_copied": False}, {"is_copied": True}),
        (RESNET, 8, SINGLE, {"is_copied": False}, {"is_copied": True}),
    ],
)
def test_a_run_is_the_same_wherever_its_images_are(model, num_devices, groups, one, other):
    trial = Trial(model, augment=MIXED, average_decay=0.5)
    ends = []
    for options in (one, other):
        program = compiled(
            trial, num_devices=num_devices, steps_per_dispatch=len(groups[0]), **options
        )
        state, losses = run(program, groups)
        logits = [program.evaluate(state, name) for name in ("test", "train")]
        program.close()
        ends.append((state, losses, np.concatenate(logits)))
    (state, metrics, logits), (same_state, same_metrics, same_logits) = ends
    assert_same(state, same_state)
    assert metrics == same_metrics
    np.testing.assert_array_equal(logits, same_logits)


def test_copied_images_are_taken_without_the_three_exchanges_of_divided_ones():
    num_exchanges = []
    for is_copied in (False, True):
        resident, streamed = both(8, is_copied)
        arrays, indices = resident.batches(range(1, 2))
        text = jax.jit(resident.take).lower(arrays, indices[0]).compile().as_text() or ""
        num_exchanges.append(len(re.findall(r" (?:all|reduce|collective)-[a-z-]+\(", text)))
        streamed.close()
    assert num_exchanges == [3, 0]
