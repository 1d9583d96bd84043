"""The table of measurements in a terminal."""

from collections.abc import Sequence

from rich.table import Table

from jaxcmp.gpu.measurements import SMALLEST_BATCH, Measurement

COLUMNS = (
    *("step", "batch", "compile s", "kernels", "cuDNN", "cuBLAS", "GB moved", "GFLOP"),
    *("memory ms", "compute ms", "temporary GB", "batches that fit", "transfers", "float64"),
)


def table(measurements: Sequence[Measurement]) -> Table:
    """One row for each measurement, in their order."""
    title = (
        "The steps as compiled for each GPU (memory ms and compute ms: the roofline's two bounds)"
    )
    made = Table(*COLUMNS, title=title)
    for column in made.columns[1:]:
        column.justify = "right"
    for each in measurements:
        made.add_row(
            each.name,
            f"{each.batch_size:,}",
            f"{each.compile_seconds:.1f}",
            f"{each.kernels:,}",
            f"{each.cudnn_calls}",
            f"{each.cublas_calls}",
            f"{each.bytes / 1e9:.2f}",
            f"{each.flops / 1e9:,.0f}",
            f"{1e3 * each.memory_seconds:.2f}",
            f"{1e3 * each.compute_seconds:.2f}",
            f"{each.temporary_bytes / 1e9:.2f}",
            batches(each),
            f"{len(each.transfers) or 'none'}",
            f"{len(each.float64) or 'none'}",
        )
    return made


def batches(measurement: Measurement) -> str:
    """Says which batch sizes fit the card, and whether that was tried or is an estimate."""
    if not measurement.largest_batch:
        words = "none"
    elif measurement.largest_batch == SMALLEST_BATCH:
        words = f"{SMALLEST_BATCH}"
    else:
        words = f"{SMALLEST_BATCH} to {measurement.largest_batch:,}"
    return words if measurement.is_confirmed else f"about {words}"
