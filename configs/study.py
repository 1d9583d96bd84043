"""The whole study: seeds, recipes crossed, equal parameters, data sizes, equal training FLOPs.

python -m jaxcmp.study --config=configs/study.py             the study, for GPUs
python -m jaxcmp.study --config=configs/study.py:cpu         small models, for two cores
python -m jaxcmp.study --config=configs/study.py:digits      minutes on any machine

A grid is every combination of its entries; a run that is in several grids is made once. To leave
an arm out, name the others in each grid: --config.grids.recipes.arms=vit,resnet. A setting of
recipe or model can be an axis of a grid, whose values are tried on each of its arms; the report
chooses between them on held-out images:

python -m jaxcmp.study --config=configs/study.py --config.data.validation_fraction=0.1 \\
    --config.grids.seeds.arms=vit --config.grids.seeds.axes.schedule.peak_learning_rate=0.001,0.0005
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

from configs import resnet, vit
from configs.shared import Config, Variant, apply_variant

# Sections that all arms share: an override of `data`, for example, applies to all.
SHARED = ("data", "log", "checkpoint")
BOTH = ("resnet", "vit")


def get_config(variant: str = "") -> Config:
    variants = {"digits": digits, "cpu": cpu}
    arms = variant if variant in variants else ""
    config: Config = ConfigDict(
        {
            "arms": {"vit": vit.get_config(arms), "resnet": resnet.get_config(arms)},
            "grids": {
                # With a sd of 0.15 points between runs, 4 seeds per arm find a gap of
                # 0.3 points two times in three.
                "seeds": grid(seeds=4, arms=BOTH),
                # Each model with its own recipe and the other's: architecture or recipe? A ViT with
                # a convolutional stem: how much of the gap is that one inductive bias?
                "recipes": grid(seeds=4, arms=(*BOTH, "vit-conv"), recipes=("own", "other")),
                # As many parameters as the ViT: which is ahead per parameter?
                "parameters": grid(seeds=4, arms=("resnet-small",)),
                "data_size": grid(
                    seeds=3,
                    arms=BOTH,
                    fractions=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
                    budgets=("epochs", "steps"),
                ),
                # The cheaper arm trains longer, until both have used the same FLOPs.
                "training_flops": grid(seeds=4, arms=BOTH, budgets=("flops",)),
            },
        }
    )
    for key in SHARED:
        config[key] = config.arms.vit[key]
        config.arms.resnet[key] = config[key]
    apply_variant(config, variant, variants)
    config.arms["vit-conv"] = changed(config, "vit", vit.conv)
    if variant:
        # There, the models are of other sizes.
        del config.grids["parameters"]
    else:
        config.arms["resnet-small"] = changed(config, "resnet", resnet.small)
    return config


def changed(config: Config, arm: str, change: Variant) -> Config:
    """Copies an arm and changes the copy."""
    copy = config.arms[arm].copy_and_resolve_references()
    change(copy)
    for key in SHARED:
        copy[key] = config[key]
    return copy


def grid(
    *,
    seeds: int,
    arms: tuple[str, ...] = (),
    recipes: tuple[str, ...] = ("own",),
    fractions: tuple[float, ...] = (1.0,),
    budgets: tuple[str, ...] = ("epochs",),
    axes: Mapping[str, tuple] | None = None,
) -> Config:
    """Makes a grid: recipes are "own" and "other", fractions are shares of the training images.

    A budget is the quantity that the arms spend equally: "epochs", "steps" or "flops". No `arms`
    are all arms. `axes` are values of settings, all of which are tried, by dotted key:
    {"schedule.peak_learning_rate": (1e-3, 5e-4)}.
    """
    return {
        "seeds": seeds,
        "arms": arms,
        "recipes": recipes,
        "fractions": fractions,
        "budgets": budgets,
        "axes": nested(axes or {}),
    }


def nested(values: Mapping[str, tuple]) -> Config:
    """Turns dotted keys into sections, as a configuration has them."""
    sections: Config = {}
    for key, value in values.items():
        *path, last = key.split(".")
        section = sections
        for name in path:
            section = section.setdefault(name, {})
        section[last] = value
    return sections


def digits(config: Config) -> None:
    for arm in config.arms.values():
        arm.num_epochs = 10
        arm.schedule.warmup_epochs = min(arm.schedule.warmup_epochs, 2.0)
    config.checkpoint.every_epochs = 0
    config.grids.seeds.seeds = config.grids.recipes.seeds = 2
    config.grids.data_size.update({"seeds": 2, "fractions": (0.1, 0.3, 1.0)})
    config.grids.training_flops.seeds = 2


def cpu(config: Config) -> None:
    # At these sizes, the smaller model needs 1.5 times the epochs to use the larger one's FLOPs.
    config.arms.vit.model.update({"width": 48, "depth": 3, "mlp_width": 160})
    config.arms.resnet.model.update({"stage_widths": (8, 16, 32, 64), "stage_depths": (1, 1, 1, 1)})
    for arm in config.arms.values():
        arm.num_epochs = 2
        arm.schedule.warmup_epochs = min(arm.schedule.warmup_epochs, 0.5)
    config.grids.seeds.seeds = config.grids.recipes.seeds = 3
    config.grids.data_size.update({"seeds": 3, "fractions": (0.05, 0.2, 1.0)})
    config.grids.training_flops.seeds = 3
