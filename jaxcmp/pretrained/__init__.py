"""Pretrained weights: reads them from files and run folders, and fits them to a model.

A run reads (`read`) and checks (`check`) them before its data is there, and then begins with them
(`start`).
"""

from jaxcmp.pretrained.fit import Source, fit
from jaxcmp.pretrained.loading import check, read, start
from jaxcmp.pretrained.summary import table

__all__ = ["Source", "check", "fit", "read", "start", "table"]
