import hashlib
from pathlib import Path

import pytest

from arriero.errors import InvalidRequest
from tests.cli.commands import arriero
from tests.cli.servers import Told, scripted_server

DONE = Told(lines=({"status": "writing manifest"}, {"status": "success"}))
WEIGHTS = b"GGUF" * 1_000_000
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
BLOB = f"/api/blobs/{DIGEST}"


def modelfile(directory: Path, text: str) -> str:
    path = directory / "Modelfile"
    path.write_text(text)
    return str(path)


def test_the_fields_of_a_modelfile_are_sent(tmp_path: Path) -> None:
    file = modelfile(tmp_path, 'FROM gen\nSYSTEM Be brief.\nPARAMETER stop "a"\nRENDERER qwen3\nMESSAGE user Hi')
    with scripted_server({"POST /api/create": DONE}) as server:
        done = arriero(server.url, "create", "mine", "-f", file, "-q", "Q8_0")

    assert done.stderr.splitlines() == ["writing manifest", "success"]
    sent = server.asked[0].json()
    assert (sent["model"], sent["from"], sent["system"], sent["quantize"]) == ("mine", "gen", "Be brief.", "Q8_0")
    assert (sent["parameters"], sent["renderer"]) == ({"stop": ["a"]}, "qwen3")
    assert (sent["messages"][0]["role"], sent["messages"][0]["content"]) == ("user", "Hi")


def test_a_file_is_sent_first_if_the_server_does_not_have_it(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS)
    file = modelfile(tmp_path, "FROM ./tiny.gguf")
    answers = {f"HEAD {BLOB}": Told(404), f"POST {BLOB}": Told(201), "POST /api/create": DONE}
    with scripted_server(answers) as server:
        done = arriero(server.url, "create", "mine", "-f", file)

    assert done.stderr.splitlines()[:3] == ["gathering model components", "hashing tiny.gguf", "uploading tiny.gguf"]
    assert server.paths == [f"HEAD {BLOB}", f"POST {BLOB}", "POST /api/create"]
    assert server.asked[1].body == WEIGHTS
    assert server.asked[2].json()["files"] == {"tiny.gguf": DIGEST}


def test_a_file_that_the_server_has_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS)
    file = modelfile(tmp_path, "FROM gen\nADAPTER tiny.gguf")
    with scripted_server({f"HEAD {BLOB}": Told(200), "POST /api/create": DONE}) as server:
        arriero(server.url, "create", "mine", "-f", file)

    assert server.paths == [f"HEAD {BLOB}", "POST /api/create"]
    assert server.asked[1].json()["adapters"] == {"tiny.gguf": DIGEST}


def test_an_upload_that_is_refused_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS)
    file = modelfile(tmp_path, "FROM ./tiny.gguf")
    answers = {f"HEAD {BLOB}": Told(404), f"POST {BLOB}": Told(400, b'{"error":"digest mismatch"}')}
    with scripted_server(answers) as server:
        done = arriero(server.url, "create", "mine", "-f", file)

    assert str(done.exception) == "digest mismatch"
    assert server.paths == [f"HEAD {BLOB}", f"POST {BLOB}"]


def test_a_modelfile_may_come_from_standard_input() -> None:
    with scripted_server({"POST /api/create": DONE}) as server:
        arriero(server.url, "create", "mine", "-f", "-", typed="FROM gen")

    assert server.asked[0].json()["from"] == "gen"


def test_without_a_modelfile_it_is_made_of_the_weights_that_lie_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WEIGHTS)
    monkeypatch.chdir(tmp_path)
    with scripted_server({f"HEAD {BLOB}": Told(200), "POST /api/create": DONE}) as server:
        arriero(server.url, "create", "mine")
        modelfile(tmp_path, "FROM gen")
        arriero(server.url, "create", "mine")

    assert server.asked[1].json()["files"] == {"tiny.gguf": DIGEST}
    assert server.asked[2].json()["from"] == "gen"


def test_a_modelfile_that_is_not_there_or_makes_no_sense(tmp_path: Path) -> None:
    with scripted_server({}) as server:
        absent = arriero(server.url, "create", "mine", "-f", str(tmp_path / "none"))
        wrong = arriero(server.url, "create", "mine", "-f", modelfile(tmp_path, "FROM gen\nPARAMETER x 1"))

    assert isinstance(absent.exception, InvalidRequest)
    assert str(absent.exception) == "specified Modelfile wasn't found"
    assert str(wrong.exception) == "(line 2): unknown parameter 'x'"
    assert server.asked == []
