"""The plan of a study: which runs its grids ask for, and how long each trains."""

import pytest

from configs import study
from jaxcmp.errors import CommandError
from jaxcmp.study.plan import Sizes, Study, expand, find_sizes

VARIANTS = ("", "cpu", "digits")


def planned(config, num_train=50_000):
    given = Study.of(config)
    fractions = {1.0, *(fraction for grid in given.grids for fraction in grid.fractions)}
    return expand(given, Sizes({x: round(num_train * x) for x in fractions}, 3, 10))


def expanded(config):
    return {run.entry.folder: run for run in planned(config)}


def only(config, name, **changes):
    """The config with one grid, changed."""
    config.grids = {name: study.grid(seeds=1, arms=study.BOTH) | changes}
    return config


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_run_is_planned_twice_and_each_has_its_folder(variant):
    runs = planned(study.get_config(variant))
    assert len({run.entry.folder for run in runs}) == len(runs)
    assert len({str(run.config.to_dict()) for run in runs}) == len(runs)


def test_the_study_has_what_its_question_needs():
    config = study.get_config()
    runs = expanded(config)
    for arm in ("vit", "resnet"):
        assert {f"{arm}/seed-{seed}" for seed in range(4)} <= runs.keys()
        for fraction in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
            for budget in ("", "-equal-steps"):
                for seed in range(3):
                    assert f"{arm}-{fraction:g}{budget}/seed-{seed}" in runs
    assert {"vit-recipe-of-resnet/seed-3", "resnet-recipe-of-vit/seed-3"} <= runs.keys()
    assert "vit-equal-flops/seed-3" in runs
    # A convolutional stem and a small ResNet: for the models' own sake, at full size only.
    assert {"vit-conv/seed-3", "vit-conv-recipe-of-resnet/seed-3"} <= runs.keys()
    assert "resnet-small/seed-3" in runs
    assert not any(folder.startswith(("vit-conv-0", "resnet-small-")) for folder in runs)
    # Its recipe is the ViT's: there is nothing to cross.
    assert not any("vit-conv-recipe-of-vit" in folder for folder in runs)
    assert not any("recipe-of-vit-conv" in folder for folder in runs)
    # The dearer arm sets the budget: its own run is already there.
    assert "resnet-equal-flops/seed-0" not in runs


def test_the_plain_question_comes_first_and_seeds_one_after_the_other():
    runs = list(expanded(study.get_config()))
    assert set(runs[:2]) == {"vit/seed-0", "resnet/seed-0"}
    seeds = [folder.rpartition("-")[2] for folder in runs]
    assert seeds == sorted(seeds)


def test_equal_steps_are_as_many_as_on_all_images_and_end_their_warm_up_alike():
    runs = expanded(study.get_config())
    whole, part = runs["vit/seed-0"], runs["vit-0.02-equal-steps/seed-0"]
    assert part.entry.steps == pytest.approx(whole.entry.steps, rel=0.01)
    warm_up = part.config.schedule.warmup_epochs / part.config.num_epochs
    assert warm_up == pytest.approx(10 / 100)
    assert part.config.num_epochs / part.config.eval_every_epochs == pytest.approx(100, rel=0.02)
    assert part.config.checkpoint.every_epochs == part.config.eval_every_epochs
    equal_epochs = runs["vit-0.02/seed-0"]
    assert equal_epochs.config.num_epochs == 100 and equal_epochs.entry.steps == 7 * 100


def test_a_short_run_mixes_for_an_epoch_at_least_and_not_to_its_end():
    config = study.get_config()
    config.arms.vit.augment.mixing_epochs = 40
    only(config, "short", axes={"num_epochs": (1, 50, 100)})
    config.arms.vit.data.validation_fraction = config.arms.resnet.data.validation_fraction = 0.1
    mixing = [
        run.config.augment.mixing_epochs for run in planned(config) if run.config.arm == "vit"
    ]
    assert sorted(mixing) == [1, 20, 40]


def test_equal_flops_are_equal():
    runs = expanded(study.get_config())
    resnet, vit = runs["resnet/seed-0"], runs["vit-equal-flops/seed-0"]
    assert vit.entry.flops == pytest.approx(resnet.entry.flops, rel=0.01)
    assert vit.config.num_epochs == round(100 * 555_422_720 / 365_107_584)
    # 2 FLOPs a multiply-add, 3 passes a step, 390 whole batches of 128 an epoch.
    assert resnet.entry.flops == 6 * 555_422_720 * 390 * 128 * 100


def test_another_arms_recipe_is_all_of_it_and_nothing_of_its_model():
    config = study.get_config()
    config.arms.resnet.batch_size = 256
    crossed = expanded(config)["vit-recipe-of-resnet/seed-0"].config
    assert (crossed.arm, crossed.recipe, crossed.batch_size) == ("vit", "resnet", 256)
    own = Study.of(config).arms
    assert crossed.model == own["vit"].model
    for key in ("optimizer", "schedule", "augment"):
        values = [getattr(each, key) for each in (crossed, own["resnet"], own["vit"])]
        assert values[0] == values[1] != values[2]


def test_what_both_arms_share_is_set_once():
    config = study.get_config("digits")
    config.data.name = "another"
    config.log.every_steps = 7
    for run in planned(config):
        assert (run.config.data.name, run.config.log.every_steps) == ("another", 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("vit", "mlp")}, "grids.x.arms has 'mlp'; there are resnet, resnet-small, vit"),
        ({"fractions": (0.001,)}, "batch_size=128 is larger than the 50 training images"),
    ],
)
def test_a_grid_that_cannot_be_is_named(changes, message):
    config = only(study.get_config(), "x", **changes)
    with pytest.raises(CommandError, match=message):
        planned(config)


def with_axes(axes, **changes):
    """The study with one grid that tries values, and with images held out to choose by."""
    config = only(study.get_config(), "x", axes=study.nested(axes), **changes)
    config.data.validation_fraction = 0.1
    return config


def test_every_combination_of_the_values_of_axes_is_a_run_of_each_arm():
    rates, depths = (1e-3, 5e-4, 5e-5), (12, 6)
    axes = {"schedule.peak_learning_rate": rates, "model.depth": depths}
    runs = expanded(with_axes(axes, arms=("vit",), seeds=2))
    # A value that is the arm's own is not named: this is the run of any other grid.
    assert list(runs)[:6] == [
        "vit/seed-0",
        "vit-peak_learning_rate-0.0005/seed-0",
        "vit-peak_learning_rate-5e-05/seed-0",
        "vit-depth-6/seed-0",
        "vit-depth-6-peak_learning_rate-0.0005/seed-0",
        "vit-depth-6-peak_learning_rate-5e-05/seed-0",
    ]
    assert len(runs) == 2 * len(rates) * len(depths)
    tried = {
        (
            run.config.schedule.peak_learning_rate,
            run.config.to_dict()["model"]["depth"],
            run.config.seed,
        )
        for run in runs.values()
    }
    assert tried == {(rate, depth, seed) for rate in rates for depth in depths for seed in (0, 1)}
    assert {(run.config.arm, run.config.recipe) for run in runs.values()} == {("vit", "vit")}
    # Another length keeps the shares of warm-up.
    half = expanded(with_axes({"num_epochs": (100, 50)}, arms=("vit",)))["vit-num_epochs-50/seed-0"]
    assert half.config.schedule.warmup_epochs == pytest.approx(5.0)
    own = Study.of(with_axes({})).arms["vit"]
    smaller = runs["vit-depth-6/seed-0"]
    assert smaller.config.optimizer == own.optimizer and smaller.config.augment == own.augment
    # By hand: half the blocks are half of nearly all multiply-adds.
    assert smaller.entry.flops == pytest.approx(runs["vit/seed-0"].entry.flops / 2, rel=0.02)


def test_a_point_that_is_in_several_grids_is_one_run():
    config = with_axes({"schedule.peak_learning_rate": (1e-3, 5e-4)}, arms=("vit",))
    config.grids.plain = study.grid(seeds=1, arms=study.BOTH)
    assert set(expanded(config)) == {
        *("vit/seed-0", "vit-peak_learning_rate-0.0005/seed-0", "resnet/seed-0")
    }


def test_crossed_recipes_and_parts_of_the_images_have_the_values_too():
    axes = {"schedule.peak_learning_rate": (5e-4,)}
    runs = expanded(with_axes(axes, recipes=("own", "other"), fractions=(0.1,)))
    assert set(runs) == {
        f"{arm}-peak_learning_rate-0.0005-0.1/seed-0"
        for arm in ("vit", "resnet", "vit-recipe-of-resnet", "resnet-recipe-of-vit")
    }
    assert {run.config.schedule.peak_learning_rate for run in runs.values()} == {5e-4}


def test_words_and_several_values_make_names_of_folders():
    axes = {"init.path": ("", "hf:o/n@v1", "/a/w.npz"), "model.stage_widths": ((8, 16),)}
    config = with_axes(axes, arms=("resnet",))
    config.arms.resnet.model.stage_depths = (1, 1)
    assert set(expanded(config)) == {
        "resnet-stage_widths-8x16/seed-0",
        "resnet-stage_widths-8x16-path-hf_o_n_v1/seed-0",
        "resnet-stage_widths-8x16-path-a_w.npz/seed-0",
    }


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"model.depth": (2,)},
            "--config.grids.x.axes with model.depth=2 does not fit arm resnet: resnet has no "
            "model.depth; --config.grids.x.arms names the arms of the grid",
        ),
        (
            {"schedule.warmup_epochs": (1.0, 200.0)},
            "--config.grids.x.axes with schedule.warmup_epochs=200.0 does not fit arm resnet: "
            "--config.arms.resnet.schedule.warmup_epochs=200 must be below num_epochs=100",
        ),
        ({"init.path": ("a/w.npz", "a_w.npz")}, "two runs of the study would lie in resnet-path-a"),
    ],
)
def test_values_that_do_not_fit_an_arm_are_refused_in_a_line(axes, message):
    with pytest.raises(CommandError, match="^[^\n]*$") as caught:
        planned(with_axes(axes))
    assert message in str(caught.value)


def test_axes_need_images_held_out_to_choose_by():
    config = with_axes({"schedule.peak_learning_rate": (1e-3, 5e-4)})
    config.data.validation_fraction = 0.0
    with pytest.raises(CommandError, match="--config.grids.x.axes is a choice .* held-out images"):
        planned(config)


def test_one_arm_alone_is_a_study_too():
    config = only(study.get_config("digits"), "x", arms=("vit",), recipes=("own", "other"))
    assert list(expanded(config)) == ["vit/seed-0"]


def test_a_frozen_trunk_is_part_of_the_recipe_and_costs_no_backward_pass():
    config = only(study.get_config("digits"), "x", recipes=("own", "other"))
    config.arms.resnet.frozen_trunk = True
    runs = expanded(config)
    assert runs["vit-recipe-of-resnet/seed-0"].config.frozen_trunk
    assert not runs["resnet-recipe-of-vit/seed-0"].config.frozen_trunk
    frozen, whole = (
        runs[f"{name}/seed-0"].entry.flops for name in ("resnet", "resnet-recipe-of-vit")
    )
    assert frozen == pytest.approx(whole / 3, rel=0.01)


def test_images_are_counted_at_each_fraction_without_those_held_out():
    config = only(study.get_config("digits"), "x", fractions=(0.1, 0.5))
    sizes = find_sizes(Study.of(config), may_prepare=False)
    assert (sizes.num_channels, sizes.num_classes) == (1, 10)
    whole = sizes.num_train[1.0]
    # A fifth of the 1,797 is the test split; shares are rounded in each of ten classes.
    assert abs(whole - 0.8 * 1797) <= 5
    assert abs(sizes.num_train[0.1] - 0.1 * whole) <= 5
    assert abs(sizes.num_train[0.5] - 0.5 * whole) <= 5
    config.data.validation_fraction = 0.5
    half = find_sizes(Study.of(config), may_prepare=True)
    assert abs(half.num_train[1.0] - whole / 2) <= 5


def test_cifar10_is_counted_without_its_images(tmp_path):
    config = study.get_config()
    config.data.dir = str(tmp_path)
    sizes = find_sizes(Study.of(config), may_prepare=False)
    assert (sizes.num_channels, sizes.num_classes) == (3, 10)
    assert (sizes.num_train[1.0], sizes.num_train[0.1], sizes.num_train[0.01]) == (50000, 5000, 500)
    config.data.validation_fraction, config.data.classes = 0.1, (3, 5)
    sizes = find_sizes(Study.of(config), may_prepare=False)
    assert (sizes.num_train[1.0], sizes.num_classes) == (9000, 2)
    assert not list(tmp_path.iterdir())


def test_a_plan_names_the_values_that_were_typed(tmp_path, call):
    code, out, err = call(
        "--config=configs/study.py:digits",
        "--config.data.validation_fraction=0.1",
        "--config.grids.seeds.axes.schedule.peak_learning_rate=0.001,0.0005",
        f"--workdir={tmp_path}",
        "--dry_run",
    )
    assert code == 0, err
    for arm in ("vit", "resnet"):
        for rate in ("0.001", "0.0005"):
            assert f"\n{arm}-peak_learning_rate-{rate}  " in out


def test_a_plan_is_printed_where_nothing_is_prepared(tmp_path, call):
    arguments = ("--config=configs/study.py", f"--config.data.dir={tmp_path}")
    code, out, err = call(*arguments, "--dry_run")
    assert code == 0, err
    assert "104 runs, 104 of them not finished" in out
    assert call(*arguments, "--tasks")[1] == "0-103\n"
