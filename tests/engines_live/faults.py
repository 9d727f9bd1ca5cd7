"""All faults of the layer that arriero replaces, but those of its router, as they are looked for in running servers.

``tests/contract/test_seed_faults.py`` has them under the same numbers, with fake engines.
"""

from collections.abc import Mapping, Sequence

from tests.engines_live.fault import Fault
from tests.engines_live.faults_metadata import METADATA_FAULTS
from tests.engines_live.faults_output import OUTPUT_FAULTS
from tests.engines_live.faults_requests import REQUEST_FAULTS

# What the audit found and the installed SGLang does not show, and why.
NOT_SHOWN: Mapping[int, str] = {}
FAULTS: Sequence[Fault] = (*OUTPUT_FAULTS, *REQUEST_FAULTS, *METADATA_FAULTS)
