"""Inspection at run time: an interpreter imports modules of a repo, and describes them in the raw ``rt_*`` tables.

The caller must name the modules, since importing a module runs its code.
"""

from flight_client.runtime.inspection import SECONDS, Inspected, InspectionPut, inspect_modules, put_inspection

__all__ = ["SECONDS", "Inspected", "InspectionPut", "inspect_modules", "put_inspection"]
