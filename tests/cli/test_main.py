import subprocess
import sys

import pytest
from click.testing import CliRunner

from arriero.cli.main import cli
from arriero.errors import InvalidRequest
from tests.cli.commands import arriero
from tests.cli.servers import Told, scripted_server

NOWHERE = "http://127.0.0.1:1"
COMMANDS = ("serve", "run", "list", "show", "cp", "rm", "ps", "stop", "pull", "create", "push")


def modules_after(*arguments: str) -> set[str]:
    tried = f"try: cli({list(arguments)!r})"
    script = f"import sys\nfrom arriero.cli.main import cli\n{tried}\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["run", "--help"], ["create", "--help"]])
def test_help_imports_nothing_that_is_slow(arguments: list[str]) -> None:
    assert not {"ollama", "httpx", "pydantic", "rich"} & modules_after(*arguments)


def test_a_client_imports_nothing_of_the_server() -> None:
    assert not {"uvicorn", "aiohttp", "starlette", "xllamacpp"} & modules_after("list", "--help")


def test_help_tells_of_every_command_in_sections() -> None:
    done = CliRunner().invoke(cli, ["--help"])

    assert done.exit_code == 0
    told = [line.split()[0] for line in done.output.splitlines() if line.startswith("  ") and line.split()]
    assert [name for name in told if name in COMMANDS] == list(COMMANDS)
    assert "Server:" in done.output
    assert "Models that are here:" in done.output


def test_a_command_that_nobody_knows() -> None:
    assert "No such command 'sing'" in arriero(NOWHERE, "sing").output


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"OLLAMA_HOST": url}
    command = [sys.executable, "-m", "arriero", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "arguments", [["list"], ["run", "gen", "hi"], ["pull", "gen"], ["show", "gen"], ["push", "a/b"]]
)
def test_a_server_that_is_not_there_is_told_in_one_line(arguments: list[str]) -> None:
    done = run(NOWHERE, *arguments)

    assert done.returncode == 1
    assert done.stderr == f"Error: could not connect to arriero at {NOWHERE}; start it with: arriero serve\n"


def test_a_refusal_is_one_line_in_the_servers_words() -> None:
    with scripted_server({"POST /api/show": Told(404, b'{"error":"model \'x\' not found"}')}) as server:
        done = run(server.url, "show", "x")

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: model 'x' not found\n")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"models": 5}', b'"text"'])
def test_what_is_no_ollama_is_told_so(body: bytes) -> None:
    with scripted_server({"GET /api/tags": Told(200, body)}) as server:
        done = arriero(server.url, "list")

    assert str(done.exception) == f"what answers at {server.url} does not speak the Ollama API"


@pytest.mark.parametrize("body", [b"Bad Gateway", b"[]", b'"no"', b""])
def test_an_error_of_another_server_is_told_as_it_is(body: bytes) -> None:
    with scripted_server({"POST /api/show": Told(502, body), "GET /api/tags": Told(502, body)}) as server:
        assert str(arriero(server.url, "show", "x").exception) == (body.decode() or "HTTP 502")
        assert arriero(server.url, "list").exception is not None


def test_the_key_is_brought_along_and_the_path_kept() -> None:
    with scripted_server({"GET /ollama/api/tags": Told(200, b'{"models":[]}')}) as server:
        done = arriero(f"{server.url}/ollama", "ls", ARRIERO_API_KEY="secret")

    assert done.output == "NAME    ID    SIZE    MODIFIED\n"
    assert server.asked[0].headers["authorization"] == "Bearer secret"


def test_flags_that_make_no_sense_are_told_before_anything_is_asked() -> None:
    for flags in (["--format", "yaml"], ["--think=deep"], ["--keepalive", "10z"]):
        assert isinstance(arriero(NOWHERE, "run", "gen", *flags, "hi").exception, InvalidRequest)


@pytest.mark.parametrize("command", ["run", "pull", "rm", "create"])
def test_an_empty_name_is_refused(command: str) -> None:
    done = arriero(NOWHERE, command, "")

    assert done.exit_code == 2
    assert "the name is empty" in done.output


@pytest.mark.parametrize("host", ["::1", "127.0.0.1:x", "[::1", "http://", "http://a b"])
def test_an_address_is_never_answered_with_a_traceback(host: str) -> None:
    done = run(host, "list")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    with scripted_server({"GET /api/tags": Told(200, b'{"models":[]}')}) as server:
        environ = {"OLLAMA_HOST": server.url, "HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "socks5://127.0.0.1:1"}
        command = [sys.executable, "-m", "arriero", "list"]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)

    assert (done.stdout, done.stderr) == ("NAME    ID    SIZE    MODIFIED\n", "")
