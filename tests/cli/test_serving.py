import asyncio
import json
import os
import shlex
import socket
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from arriero.cli.greeting import greeting
from arriero.cli.launching import make_launcher, read_chat_template
from arriero.cli.listening import listen
from arriero.cli.serve import serve
from arriero.cli.serving import _clean_up
from arriero.config import Config
from arriero.errors import ConfigError
from arriero.launch_server import launch_server
from arriero.store.holds import Holds
from arriero.store.library import Library
from tests.factories_store import tiny_layout

HERE = Config(port=11434)


def test_what_is_to_be_tried_can_be_pasted() -> None:
    _, curl, run = greeting(HERE, ["My Model's"]).splitlines()

    words = shlex.split(curl)
    assert words[:3] == ["try:", "curl", "http://127.0.0.1:11434/api/generate"]
    assert json.loads(words[-1])["model"] == "My Model's"
    assert shlex.split(run) == ["or:", "OLLAMA_HOST=http://127.0.0.1:11434", "ollama", "run", "My Model's"]


def test_every_name_that_is_served_is_told() -> None:
    assert "serves a, b at http://127.0.0.1:11434" in greeting(HERE, ["a", "b"])
    assert "no model yet" in greeting(HERE, [])


def test_a_server_that_asks_for_a_key_says_how_to_bring_it() -> None:
    assert '-H "Authorization: Bearer $ARRIERO_API_KEY"' in greeting(replace(HERE, api_key="secret"), ["m"])
    assert "secret" not in greeting(replace(HERE, api_key="secret"), ["m"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_open_to_everybody_says_so(host: str) -> None:
    assert "to everybody" in greeting(replace(HERE, host=host), ["m"])
    assert "to everybody" not in greeting(replace(HERE, host=host, api_key="secret"), ["m"])


def test_a_port_that_is_taken_and_an_address_that_is_nowhere() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="bind: address already in use; choose another port"):
            listen(Config(port=taken.getsockname()[1]))
    with pytest.raises(ConfigError, match=r"listen tcp 192\.0\.2\.1:1: bind: (?!.*another port)"):
        listen(Config(host="192.0.2.1", port=1))


def test_a_chat_template_is_a_file_a_text_or_a_name(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text("{{ messages }}")

    assert read_chat_template(str(file)) == "{{ messages }}"
    assert read_chat_template("{{ other }}") == "{{ other }}"
    assert read_chat_template("chatml") == "chatml"
    assert read_chat_template(None) is None


@pytest.mark.parametrize("wish", ["/nope/chat", "nope.jinja", "~/nope"])
def test_a_chat_template_that_is_not_there_is_refused(wish: str) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_chat_template(wish)


def test_a_binary_that_cannot_be_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a program that can be run"):
        make_launcher(Config(llama_server="/nope/llama-server"))


@pytest.mark.parametrize("command", [serve, launch_server])
def test_an_empty_key_is_refused(command: click.Command) -> None:
    done = CliRunner().invoke(command, ["--api-key", ""])

    assert done.exit_code == 2
    assert "the key is empty" in done.output


def test_an_empty_name_is_refused() -> None:
    done = CliRunner().invoke(launch_server, ["--served-model-name", " "])

    assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize("command", [serve, launch_server])
def test_settings_that_cannot_be_met_are_told_before_anything_is_fetched(
    command: click.Command, tmp_path: Path
) -> None:
    environ = {"ARRIERO_HOME": str(tmp_path / "home"), "OLLAMA_ORIGINS": "chat.example"}
    done = CliRunner(env=environ).invoke(command, ["--port", "0"])

    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "home").exists()


def test_downloads_of_long_ago_are_removed_at_start(tmp_path: Path) -> None:
    layout = tiny_layout(tmp_path)
    layout.downloads.mkdir(parents=True)
    (layout.downloads / "aa.gguf-partial").touch()
    os.utime(layout.downloads / "aa.gguf-partial", (0, 0))
    asyncio.run(_clean_up(Library(layout), Holds()))
    assert list(layout.downloads.iterdir()) == []
