"""Inspection at run time: modules of a repo, imported by an interpreter, as the raw ``rt_*`` tables.

The modules are named by the caller, since to import a module is to run its code.
"""

from flight_client.runtime.inspection import SECONDS, Inspected, InspectionPut, inspect_modules, put_inspection

__all__ = ["SECONDS", "Inspected", "InspectionPut", "inspect_modules", "put_inspection"]
