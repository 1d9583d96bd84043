"""PyTorch's side: the configuration's optimizer, and the fastest of the ways to do the work."""

import pytest
from bench_configs import config_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def make_model(arm, config):
    from jaxcmp.bench.peer_models import build

    return build(config.model.to_dict(), 1)


def test_decay_is_for_the_kernels_alone():
    from jaxcmp.bench.peer_work import make_optimizer

    config = config_of("vit")
    model = make_model("vit", config)
    optimizer = make_optimizer(model, config)
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, plain = ({names[id(p)] for p in group["params"]} for group in optimizer.param_groups)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0]
    assert decayed | plain == set(names.values()) and not decayed & plain
    assert all(name.endswith("weight") and "norm" not in name for name in decayed)
    assert {"cls", "positions", "norm.weight", "head.bias"} <= plain
    assert all(group["fused"] for group in optimizer.param_groups)


def test_momentum_is_nesterovs_and_its_decay_for_every_parameter():
    from jaxcmp.bench.peer_work import make_optimizer

    config = config_of("resnet")
    (group,) = make_optimizer(make_model("resnet", config), config).param_groups
    expected = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "lr": 0.1, "fused": True}
    assert {name: group[name] for name in expected} == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_a_step_lowers_the_loss_of_its_batch(arm, dtype):
    from jaxcmp.bench import peer_work, workload

    torch.manual_seed(0)
    config = config_of(arm, compute_dtype=dtype)
    model = make_model(arm, config)
    images, targets = workload.made_batch(config, 16)
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(targets)
    step = peer_work.training(model, config, *inputs, compiler=lambda function: function)
    losses = [float(step()) for _ in range(30)]
    assert losses[-1] < losses[0] - 0.05
    logits = peer_work.evaluation(model, config, *inputs, compiler=lambda function: function)()
    assert logits.shape == (16, 10) and logits.dtype == torch.float32


def test_the_fastest_way_is_kept_and_one_that_cannot_be_gone_is_named():
    import time

    from jaxcmp.bench.peer_work import fastest

    def broken():
        raise RuntimeError("no compiler\nwith more lines")

    ways = {"slow": lambda: time.sleep(0.02), "fast": lambda: "done", "broken": broken}
    work = fastest(ways, {"num_images": 3})
    assert work.call() == "done"
    assert work.description["how"] == "fast" and work.description["num_images"] == 3
    assert work.description["tried"]["broken"] == "RuntimeError: no compiler"
    assert work.description["tried"]["slow"] > work.description["tried"]["fast"]
