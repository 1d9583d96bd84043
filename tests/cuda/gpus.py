"""The GPUs that steps are compiled for, as XLA's compiler needs them described.

Sources: NVIDIA H100 Tensor Core GPU Datasheet (2023, SXM) and H100 Architecture white paper (2022);
NVIDIA A100 80GB Datasheet (2021, SXM) and A100 Architecture white paper (2020); NVIDIA T4 Datasheet
(2019) and Turing Architecture white paper (2018).
"""

import dataclasses

# Without a driver's version, XLA makes no CUDA graphs.
TEMPLATE = """
gpu_device_info {{
  cuda_compute_capability {{ major: {capability[0]} minor: {capability[1]} }}
  core_count: {cores} fpus_per_core: {fpus_per_core} clock_rate_ghz: {clock_ghz}
  threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: {threads_per_core}
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  shared_memory_per_block: 49152 shared_memory_per_block_optin: {shared_per_block}
  shared_memory_per_core: {shared_per_core}
  driver_version: "13.0.0"
  memory_bandwidth: {bandwidth} device_memory_size: {memory} l2_cache_size: {l2_cache}
}}
platform_name: "CUDA"
dnn_version_info {{ major: {cudnn[0]} minor: {cudnn[1]} }}
runtime_version {{ major: 12 minor: 9 }}
device_description_str: "{description}"
"""


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU: sizes in bytes, bandwidth in bytes/s, and the precisions that steps are tried at.

    float32 is TF32 where the card has it, as JAX's default precision is there.
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
    precisions: tuple[str, ...] = ("float32", "bfloat16")
    cudnn: tuple[int, int] = (9, 8)

    @property
    def target_config(self) -> str:
        """Returns the card's description as a text protocol buffer."""
        return TEMPLATE.format(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)})


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
            # Without units for bfloat16, which is computed in float32; float16 is the fast one.
            precisions=("float32", "bfloat16", "float16"),
        ),
    )
}
