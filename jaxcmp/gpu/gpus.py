"""The GPUs that steps are compiled for: what the compiler has to know, and what they can do.

Sources: NVIDIA H100 Tensor Core GPU Datasheet (2023, SXM) and H100 Architecture white paper (2022);
NVIDIA A100 80GB Datasheet (2021, SXM) and A100 Architecture white paper (2020); NVIDIA T4 Datasheet
(2019) and Turing Architecture white paper (2018). FLOP/s are dense: the datasheets' figures with
sparsity are halved.
"""

import dataclasses

# JAX reserves this share of a card's memory when it starts (XLA_PYTHON_CLIENT_MEM_FRACTION).
MEMORY_SHARE = 0.75

TEMPLATE = """
gpu_device_info {{
  cuda_compute_capability {{ major: {capability[0]} minor: {capability[1]} }}
  core_count: {cores} fpus_per_core: {fpus_per_core} clock_rate_ghz: {clock_ghz}
  threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: {threads_per_core}
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  shared_memory_per_block: 49152 shared_memory_per_block_optin: {shared_per_block}
  shared_memory_per_core: {shared_per_core}
  memory_bandwidth: {bandwidth} device_memory_size: {memory} l2_cache_size: {l2_cache}
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 8 }}
runtime_version {{ major: 12 minor: 9 }}
device_description_str: "{description}"
"""


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One card: sizes in bytes, `bandwidth` of its memory in bytes/s, `peak_flops` by precision.

    float32 is TF32 where the card has it, because that is what JAX's default precision uses there.
    A precision without units of its own has the rate of the one it is computed in.
    """

    name: str
    description: str
    capability: tuple[int, int]
    cores: int
    fpus_per_core: int
    clock_ghz: float
    threads_per_core: int
    shared_per_core: int
    shared_per_block: int
    l2_cache: int
    memory: int
    bandwidth: int
    peak_flops: dict[str, float]

    @property
    def target_config(self) -> str:
        """The card as XLA's compiler wants it described, a text protocol buffer."""
        return TEMPLATE.format(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)})

    @property
    def usable_memory(self) -> int:
        """What a program can have as JAX starts by default."""
        return int(MEMORY_SHARE * self.memory)


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu(
            name="H100",
            description="NVIDIA H100 80GB HBM3",
            capability=(9, 0),
            cores=132,
            fpus_per_core=128,
            clock_ghz=1.98,
            threads_per_core=2048,
            shared_per_core=233472,
            shared_per_block=232448,
            l2_cache=52428800,
            memory=84978434048,
            bandwidth=3350000000000,
            peak_flops={"float32": 494.7e12, "bfloat16": 989.4e12},
        ),
        Gpu(
            name="A100",
            description="NVIDIA A100-SXM4-80GB",
            capability=(8, 0),
            cores=108,
            fpus_per_core=64,
            clock_ghz=1.41,
            threads_per_core=2048,
            shared_per_core=167936,
            shared_per_block=166912,
            l2_cache=41943040,
            memory=85017624576,
            bandwidth=2039000000000,
            peak_flops={"float32": 156e12, "bfloat16": 312e12},
        ),
        Gpu(
            name="T4",
            description="Tesla T4",
            capability=(7, 5),
            cores=40,
            fpus_per_core=64,
            clock_ghz=1.59,
            threads_per_core=1024,
            shared_per_core=65536,
            shared_per_block=65536,
            l2_cache=4194304,
            memory=15843721216,
            bandwidth=320000000000,
            # It has neither TF32 nor bfloat16: both are computed in float32.
            peak_flops={"float32": 8.1e12, "bfloat16": 8.1e12, "float16": 65e12},
        ),
    )
}
