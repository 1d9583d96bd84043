"""The origin of weights: in the name of an arm, in words, and as what makes two starts alike."""

import copy
from typing import Any

import pytest
from sample_transfer import IMAGENET, OTHERS, from_file, from_run

from jaxcmp.compare.origin import Origin, origin_of


def origin(init: dict[str, Any]) -> Origin:
    found = origin_of(init)
    assert found is not None
    return found


def test_a_run_without_weights_began_nowhere():
    assert origin_of({}) is None


@pytest.mark.parametrize(
    ("init", "title"),
    [
        (from_file(), "pretrained on ImageNet-21k"),
        (from_file("ImageNet-21k, 14 million images"), "pretrained on ImageNet-21k"),
        (from_file(""), "from the weights of Ti_16.npz"),
        (from_run(), "pretrained on 5 classes of cifar10"),
        (from_run(num_classes=1, class_names=["cat"]), "pretrained on 1 class of cifar10"),
        (from_run(before=IMAGENET), "pretrained on ImageNet-21k, then 5 classes of cifar10"),
    ],
)
def test_the_name_of_an_arm_says_what_its_weights_had_seen(init, title):
    assert origin(init).title == title


@pytest.mark.parametrize(
    ("init", "words"),
    [
        (from_run(), "cifar10 (25,000 images, 5 classes, 10 epochs)"),
        (from_file("ImageNet-21k, 14 million images"), "ImageNet-21k, 14 million images"),
        (from_file(""), "Ti_16.npz, trained on unknown data"),
        (
            from_run(before=from_run(name="cifar100", before={"name": ""})["seen"]),
            "unknown data, then cifar100, then cifar10 (25,000 images, 5 classes, 10 epochs)",
        ),
        (from_file(num_classes=1000, epochs=1), "ImageNet-21k (1,000 classes, 1 epoch)"),
    ],
)
def test_words_say_all_that_is_known(init, words):
    assert origin(init).words == words


def test_weights_of_a_hub_are_named_by_repository_and_commit():
    path = f"hf:timm/vit.augreg@{'c0ffee' * 6}abcd:model.safetensors"
    found = origin(from_file("") | {"path": path})
    assert found.file == path
    assert found.title == "from the weights of hf:timm/vit.augreg@c0ffeec0ffee"
    with pytest.raises(ValueError, match="must be hf:OWNER/NAME"):
        origin_of(from_file() | {"path": "hf:timm"})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        # Seeds of one training are alike wherever they lie, in whatever order arrays are told.
        (from_run(seed=0), from_run(seed=1) | {"path": "/elsewhere/seed-1"}),
        (from_run(), from_run() | {"rows": from_run()["rows"][::-1]}),
        (from_file(), from_file() | {"path": "/elsewhere/c.npz"}),
    ],
)
def test_weights_that_had_seen_the_same_are_alike(one, two):
    assert origin(one).settings == origin(two).settings


@pytest.mark.parametrize(
    "other",
    [
        from_run(name="cifar100"),
        from_run(num_train=2_500),
        from_run(class_names=OTHERS[::-1]),
        from_run(epochs=20),
        from_run(arm="resnet"),
        from_run(before=IMAGENET),
        from_run() | {"layout": "timm_vit"},
        from_run() | {"rows": from_run()["rows"][1:]},
        from_file(),
    ],
)
def test_weights_that_had_seen_something_else_or_were_fitted_otherwise_are_not_alike(other):
    assert origin(from_run()).settings != origin(other).settings


def test_two_files_are_never_alike_whatever_is_said_of_them():
    here, there = from_file(path="a.npz"), from_file(path="b.npz")
    assert origin(here).settings != origin(there).settings


TWICE = from_run(before=from_run(class_names=["cat"])["seen"])


@pytest.mark.parametrize(
    ("init", "names", "shared"),
    [
        # They are found again however they are written, among all that the weights had seen.
        (
            from_run(class_names=["Fire_Truck", "cat "]),
            ["fire truck", "dog", "Cat"],
            ["fire truck", "Cat"],
        ),
        (from_run(), ["cat", "deer"], []),
        (from_file(), ["cat"], None),
        (TWICE, ["cat", "deer", "dog"], ["cat", "dog"]),
        (from_run(before=IMAGENET), ["cat"], None),
    ],
)
def test_classes_are_shared_with_all_that_the_weights_had_seen(init, names, shared):
    assert origin(init).shared(names) == shared


def test_weights_whose_first_training_was_another_are_not_alike():
    starts = [
        {"name": name, "class_names": names, "before": None}
        for name, names in (("a", ["x"]), ("b", ["x"]), ("a", ["y"]))
    ]
    found = {origin(from_run(before=start)).settings for start in starts}
    assert len(found) == len(starts)


def test_classes_are_counted_by_their_names_and_arrays_by_what_became_of_them():
    found = origin(from_run(num_classes=None))
    assert found.num_classes == 5
    assert found.arrays == {"loaded": 1, "resized": 1, "new": 1, "unused": 1}


@pytest.mark.parametrize("key", ["seen", "rows", "path"])
def test_what_lacks_a_key_is_refused(key):
    init = copy.deepcopy(from_run())
    del init[key]
    with pytest.raises(KeyError):
        origin_of(init)
