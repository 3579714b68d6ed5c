"""Inspection at run time: modules of a repo, imported by an interpreter, as the raw ``rt_*`` tables.

It is asked for by naming the modules, since importing a module runs its code.
"""

from flight_client.runtime.inspection import SECONDS, Inspected, inspect_modules
from flight_client.runtime.put import InspectionPut, put_inspection

__all__ = ["SECONDS", "Inspected", "InspectionPut", "inspect_modules", "put_inspection"]
