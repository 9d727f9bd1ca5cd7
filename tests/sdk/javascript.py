"""Clients for JavaScript: installed once, and played by scripts of tests in ``tests/live/js``."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.live.models import cache
from tests.sdk.scenario import Served

_INSTALL_TIMEOUT_S = 300.0
_RUN_TIMEOUT_S = 240.0
_SCRIPTS = Path(__file__).parents[1] / "live" / "js"


class CannotInstall(Exception):
    """There is no npm, or it cannot reach the package; the message says which."""


@dataclass(frozen=True, slots=True)
class JavaScript:
    """A client. package: ``name@version``. script: plays it. features: what the names of its tests begin with."""

    sdk: str
    package: str
    script: str
    features: Sequence[str]


OPENAI = JavaScript(
    "openai for JavaScript",
    "openai@7.57.0",
    "openai.mjs",
    ("chat", "streams", "tools", "responses", "models", "errors"),
)
ANTHROPIC = JavaScript(
    "anthropic for JavaScript",
    "@anthropic-ai/sdk@1.12.0",
    "anthropic.mjs",
    ("messages", "streams", "tools", "count_tokens", "errors"),
)
OLLAMA = JavaScript("ollama for JavaScript, System One", "ollama@0.6.4", "systemone.mjs", ("decisions",))
CLIENTS = (OPENAI, ANTHROPIC, OLLAMA)


def folder_of(package: str) -> Path:
    """A folder with this package in its node_modules. Raises CannotInstall."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise CannotInstall("needs node and npm on the PATH")
    name, _, version = package.rpartition("@")
    folder = cache() / f"{name.strip('@').replace('/', '-')}-js-{version}"
    if not (folder / "node_modules" / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--omit=peer", package]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False)
        if installed.returncode:
            raise CannotInstall(f"npm cannot install {package}: {installed.stderr.strip()}")
    return folder


def play(client: JavaScript, plain: Served, able: Served, feature: str = "", *, breaking: Served | None = None) -> str:
    """Play a client's tests, all or those of a feature; what has passed. Raises AssertionError, and CannotInstall.

    plain: a model that just answers. able: one that thinks and calls tools. breaking: one whose engine dies in the
    middle of each answer; without, what is told then is not looked at.
    """
    models = [argument for model in (plain, able, breaking) if model for argument in (model.url, model.model)]
    printed = run_script(client.script, str(folder_of(client.package)), *models, feature=feature)
    passed = re.findall(r"^ok \d+ - ((?!.*# SKIP).*)$", printed, re.MULTILINE)
    assert passed, f"nothing of {feature!r} in {client.script}: {printed}"
    return "; ".join(name.partition(": ")[2] for name in passed)


def run_script(script: str, *arguments: str, feature: str = "") -> str:
    """Run a script of tests, all or those of a feature; what it printed. Raises AssertionError where one fails."""
    pattern = [f"--test-name-pattern=^{feature}:"] if feature else []
    command = ["node", "--test-reporter=tap", *pattern, str(_SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{_first_failure(done.stdout)}\n{done.stdout}{done.stderr}"
    return done.stdout


def _first_failure(printed: str) -> str:
    """The test that failed first and its error, on a line."""
    found = re.search(r"^not ok \d+ - (.*)$(?s:.*?)error: (?:\|-\s+)?(.*)$", printed, re.MULTILINE)
    return f"{found[1]}: {found[2]}" if found else "the script failed"
