"""Bills of materials that others wrote, against the evidence of a report.

declared_models  which model a CycloneDX or SPDX file speaks of, and which ancestors it declares
against_report   whether it is the model of the report, and whether the evidence bears its ancestors out
"""

from provcheck.inventories.against_report import check_inventory, inventory_exit_code
from provcheck.inventories.declared_models import Declared, read_inventory

__all__ = ["Declared", "read_inventory", "check_inventory", "inventory_exit_code"]
