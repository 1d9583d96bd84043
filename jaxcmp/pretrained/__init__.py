"""Weights that somebody else trained: files and run folders, read, fitted to a model, accounted for.

`load` does all of it. A run reads (`read`) and checks (`check`) before its data is there, and then
begins with them (`start`).
"""

from jaxcmp.pretrained.account import table
from jaxcmp.pretrained.fit import Loaded, Source, fit
from jaxcmp.pretrained.loading import check, load, read, start

__all__ = ["Loaded", "Source", "check", "fit", "load", "read", "start", "table"]
