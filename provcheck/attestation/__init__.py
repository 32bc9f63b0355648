"""A report as signed statements that other tools can check: in-toto Statements in DSSE envelopes.

statements  what is stated of the model's files: its lineage, and which checks of the policy passed
envelopes   the statements, signed, one envelope a line of `report.intoto.jsonl`; and read back
keys        ECDSA P-256 and Ed25519 keys in PEM

Needs `pip install 'provcheck[sign]'`.
"""

from provcheck.attestation.envelopes import attest, attestation_file, fault_of
from provcheck.attestation.keys import PassphraseNeeded
from provcheck.attestation.statements import LINEAGE, RESULT, lineage, result

__all__ = ["LINEAGE", "RESULT", "lineage", "result", "attest", "attestation_file", "fault_of", "PassphraseNeeded"]
