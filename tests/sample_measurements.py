"""Made-up measurements of compiled steps."""

from jaxcmp.gpu.measurements import Measurement


def measurement(**changes) -> Measurement:
    fields = {
        "arm": "vit",
        "step": "train",
        "precision": "bfloat16",
        "gpu": "H100",
        "batch_size": 128,
        "compile_seconds": 12.3,
        "temporary_bytes": 1_500_000_000,
        "total_bytes": 1_700_000_000,
        "kernels": 1234,
        "cudnn_calls": 2,
        "cublas_calls": 219,
        "bytes": 6_700_000_000,
        "flops": 280_000_000_000,
        "memory_seconds": 2e-3,
        "compute_seconds": 3e-4,
        "transfers": (),
        "float64": (),
        "largest_batch": 4096,
        "is_confirmed": False,
    }
    return Measurement(**(fields | changes))
