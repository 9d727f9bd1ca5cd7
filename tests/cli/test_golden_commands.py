"""What the specification says that Ollama's commands print (its golden cases 137 to 147), printed by arriero's."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import arriero
from tests.cli.servers import golden_server, in_thread
from tests.contract.models import TEXT
from tests.factories_store import tiny_gguf
from tests.store.registry import FakeRegistry, running_registry


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with golden_server(tmp_path / "store") as url:
        yield url


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with in_thread(running_registry()) as registry:
        yield registry


def names(url: str) -> set[str]:
    return {line.split()[0] for line in arriero(url, "list").stdout.splitlines()[1:]}


def test_case_137_list(url: str) -> None:
    done = arriero(url, "list")

    assert (done.exit_code, done.stdout.splitlines()[0].split()) == (0, ["NAME", "ID", "SIZE", "MODIFIED"])
    assert len(done.stdout.splitlines()) == 1 + len(names(url))


def test_case_138_show(url: str) -> None:
    done = arriero(url, "show", "gen")

    assert done.exit_code == 0
    assert re.findall(r"^  (\S+)$", done.stdout, re.MULTILINE)[:2] == ["Model", "Capabilities"]


def test_case_139_run_verbose(url: str) -> None:
    done = arriero(url, "run", "gen", "hi", "--verbose")

    assert (done.exit_code, done.stdout) == (0, f"{TEXT}\n")
    assert len(done.stderr.splitlines()) == 8


def test_case_141_and_142_ps_and_stop(url: str) -> None:
    arriero(url, "run", "gen", "hi")
    assert re.search(r"gen:latest .* 100% CPU +\d+ +4 minutes from now\n", arriero(url, "ps").stdout)

    assert arriero(url, "stop", "gen").exit_code == 0
    assert len(arriero(url, "ps").stdout.splitlines()) == 1


def test_case_143_cp_and_rm(url: str) -> None:
    assert arriero(url, "cp", "gen", "g2").output == "copied 'gen' to 'g2'\n"
    assert "g2:latest" in names(url)
    assert arriero(url, "rm", "g2").output == "deleted 'g2'\n"
    assert "g2:latest" not in names(url)


def test_case_144_stop_of_nothing(url: str) -> None:
    assert str(arriero(url, "stop", "nope").exception) == 'couldn\'t find model "nope" to stop'


def test_case_145_create(url: str, tmp_path: Path) -> None:
    file = tmp_path / "Modelfile"
    file.write_text("FROM gen\nSYSTEM Be brief.\n")

    done = arriero(url, "create", "c", "-f", str(file))

    assert done.stderr.splitlines()[-1] == "success"
    assert arriero(url, "show", "c", "--system").stdout == "Be brief.\n"


def test_case_145_create_from_a_file(url: str, tmp_path: Path) -> None:
    tiny_gguf(tmp_path / "new.gguf", {"general.name": "New"})
    file = tmp_path / "Modelfile"
    file.write_text("FROM ./new.gguf\nPARAMETER temperature 0.5\n")

    assert arriero(url, "create", "c", "-f", str(file)).stderr.splitlines()[-1] == "success"
    again = arriero(url, "create", "d", "-f", str(file))

    assert not [line for line in again.stderr.splitlines() if line.startswith("uploading")]
    assert arriero(url, "show", "d", "--parameters").stdout.split() == ["temperature", "0.5"]


def test_case_146_pull_of_what_is_not_there(url: str, registry: FakeRegistry) -> None:
    done = arriero(url, "pull", "--insecure", f"{registry.host}/library/nope-does-not-exist")

    assert str(done.exception) == "pull model manifest: file does not exist"


def test_pull_and_push(url: str, registry: FakeRegistry) -> None:
    name = f"{registry.host}/library/gen"
    arriero(url, "cp", "gen", name)

    assert arriero(url, "push", name, "--insecure").stderr.splitlines()[-1] == "success"
    assert arriero(url, "rm", name).exit_code == 0
    done = arriero(url, "pull", name, "--insecure")

    assert done.stderr.splitlines()[0] == "pulling manifest"
    assert done.stderr.splitlines()[-1] == "success"
    assert f"{name}:latest" in names(url)


def test_run_pulls_what_is_not_there(url: str, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.put("library/new:latest", tiny_gguf(tmp_path / "new.gguf", {"general.name": "New"}).read_bytes())

    done = arriero(url, "run", f"{registry.host}/library/new", "--insecure", "hi")

    assert done.stdout == "Hello there.\n"
    assert "success" in done.stderr


def test_an_embedding_is_printed_as_json(url: str) -> None:
    assert re.fullmatch(r"\[-?\d\.\d+.*\]\n", arriero(url, "run", "emb", "hi").stdout)
