"""The faults of the Ollama layer that arriero was written to replace are none of arriero's: ``-k 12-`` looks at one."""

import asyncio
from pathlib import Path

import pytest

from tests.contract.claim import Claim, hold
from tests.contract.claims_metadata import METADATA
from tests.contract.claims_output import OUTPUT
from tests.contract.claims_requests import REQUESTS

CLAIMS = (*OUTPUT, *REQUESTS, *METADATA)
NOT_YET = {"the faults of the smart router, which arriero has none of yet": range(42, 55)}


def name(claim: Claim) -> str:
    return claim.name


@pytest.mark.parametrize("claim", CLAIMS, ids=name)
async def test_claim(claim: Claim, tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        await hold(claim, tmp_path)


def test_every_fault_has_its_claim() -> None:
    waiting = [number for numbers in NOT_YET.values() for number in numbers]

    assert [claim.number for claim in CLAIMS] + waiting == list(range(1, 55))
