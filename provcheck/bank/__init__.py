"""Banks: folders of measurements of reference models with their documented lineage.

manifest  the two manifests: what to build, and what was built
folder    read and check a bank: one file of arrays for each signal
saving    write a bank
editing   add a reference to a bank, or take one out
widening  references at hand beside a bank's own, for one audit
planning  what building one will take, before anything is fetched
ancestry  what the documented lineage says about any two references
"""

from provcheck.bank.folder import Bank, load_bank
from provcheck.bank.saving import save_bank

__all__ = ["Bank", "load_bank", "save_bank"]
