"""A run's memory does not grow with its epochs."""

import json
import subprocess
import sys

import numpy as np
import processes
import pytest
from scipy import stats

NUM_EPOCHS = 60
# Trains, and notes what is held whenever the line of an epoch is printed.
PROGRAM = """
import ctypes, gc, io, json, sys
from pathlib import Path

import jax
from configs import resnet
from jaxcmp.settings.configuration import settings_of
from jaxcmp.train import train


class Notes(io.StringIO):
    def write(self, text):
        if text.startswith("epoch "):
            # What is free already, but not returned to the system, is not held.
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            status = Path("/proc/self/status").read_text().split()
            kibibytes = int(status[status.index("RssAnon:") + 1])
            notes.append([len(jax.live_arrays()), kibibytes])
        return len(text)


config = resnet.get_config("digits")
config.update_from_flattened_dict(json.loads(sys.argv[2]))
notes, out = [], sys.stdout
sys.stdout = Notes()
train(settings_of(config), workdir=Path(sys.argv[1]))
print(json.dumps(notes), file=out)
"""
SMALL = {
    "num_epochs": NUM_EPOCHS,
    "data.train_fraction": 0.1,
    "data.validation_fraction": 0.1,
    "model.stage_widths": (4,),
    "model.stage_depths": (1,),
    "average_decay": 0.9,
    "log.every_steps": 1,
    "checkpoint.every_epochs": 1,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's own count is read")
def test_sixty_epochs_need_no_more_arrays_and_memory_than_ten(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), json.dumps(SMALL)],
        capture_output=True,
        text=True,
        cwd=processes.ROOT,
        env=processes.environment(),
    )
    assert done.returncode == 0, done.stderr
    arrays, kibibytes = np.array(json.loads(done.stdout)).T
    assert len(arrays) == NUM_EPOCHS
    assert len(set(arrays[10:].tolist())) == 1
    # The median slope of the second half: an allocator takes memory in jumps, most of them before,
    # and what leaks grows in every epoch.
    growth = float(np.array(stats.theilslopes(kibibytes[NUM_EPOCHS // 2 :]))[0])
    assert growth < 256, f"{growth:.0f} KiB an epoch"
