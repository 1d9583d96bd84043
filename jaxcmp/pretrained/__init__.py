"""Weights that somebody else trained: found in files and run folders, and fitted to a model.

`load` does all of it. A run reads (`read`) and checks (`check`) before its data is there, and then
begins with them (`start`).
"""

from jaxcmp.pretrained.account import table
from jaxcmp.pretrained.fit import Loaded, Source, fit
from jaxcmp.pretrained.loading import check, load, read, start

__all__ = ["Loaded", "Source", "check", "fit", "load", "read", "start", "table"]
