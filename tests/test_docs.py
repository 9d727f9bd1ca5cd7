"""What the documents say of flags, variables, routes and dependencies is what the code has."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from arriero import launch_server
from arriero.cli.serve import serve
from tests.documents import ROOT, blocks

README = (ROOT / "README.md").read_text()


def flags_of(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_every_flag_in_the_readme_exists() -> None:
    table = set(re.findall(r"`(--[a-z-]+)", README))

    assert table - {"--help"} <= flags_of(launch_server.launch_server) | flags_of(serve)


def test_every_command_line_in_the_readme_is_taken() -> None:
    lines = [line for text in blocks("README.md", "sh") for line in text.splitlines() if "launch_server" in line]
    assert lines

    for line in lines:
        arguments = launch_server.spread(shlex.split(line)[3:], "--served-model-name")
        launch_server.launch_server.make_context("launch_server", arguments)


def test_every_variable_in_the_readme_is_read() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))

    of_clients = {"OLLAMA_API_KEY"}
    for variable in set(re.findall(r"`((?:OLLAMA|ARRIERO)_[A-Z_]+)`", README)) - of_clients:
        assert f'"{variable}"' in sources, variable


def test_every_route_in_the_readme_is_served_and_every_served_one_is_there() -> None:
    served = set(
        re.findall(r'(?:_route\("[A-Z ]+", |_shared\()"([^"]+)"', (ROOT / "src/arriero/server/app.py").read_text())
    )
    told = set(re.findall(r"`(?:GET\|HEAD )?(/[a-z0-9/_-]*)`", README))

    assert told == {re.sub(r"/\{[a-z:]+\}", "", route) for route in served}


@pytest.mark.parametrize("document", sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_links_in_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_dependency_is_explained() -> None:
    with Path(ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    explained = (ROOT / "docs/dependencies.md").read_text()

    for requirement in project["dependencies"]:
        name = re.split(r"[<>=;\[ ]", requirement)[0]
        assert f"| {name} |" in explained, name
