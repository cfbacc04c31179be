"""Faults for a stack that runs: each is put in and always taken out again.

with injected("acquirer-down"):
    ...

On a command line: `python -m faults list`, `inject NAME`, `remove NAME`. A further fault is one row in FAULTS.
"""

from faults.library import FAULTS, Fault, FaultError, injected
from faults.target import Target

__all__ = ["FAULTS", "Fault", "FaultError", "Target", "injected"]
