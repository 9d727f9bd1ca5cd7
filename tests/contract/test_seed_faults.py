"""The faults of the Ollama layer that arriero was written to replace are none of arriero's: ``-k 12-`` looks at one."""

import asyncio
from pathlib import Path

import pytest

from tests.contract.claim import Claim, hold
from tests.contract.claims_metadata import METADATA
from tests.contract.claims_output import OUTPUT
from tests.contract.claims_requests import REQUESTS
from tests.contract.claims_router import ROUTER

CLAIMS = (*OUTPUT, *REQUESTS, *METADATA, *ROUTER)


def name(claim: Claim) -> str:
    return claim.name


@pytest.mark.parametrize("claim", CLAIMS, ids=name)
async def test_claim(claim: Claim, tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        await hold(claim, tmp_path)


def test_every_fault_has_its_claim() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 55))
