from pathlib import Path

import pytest

from arriero.cli.pictures import with_files


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "my cat.png"
    path.write_bytes(b"png")
    return path


@pytest.mark.parametrize("form", ["'{}'", '"{}"', "{}"])
def test_a_path_in_a_prompt_stands_for_the_file(picture: Path, form: str) -> None:
    written = form.format(picture if "'" in form or '"' in form else str(picture).replace(" ", "\\ "))

    text, contents, lines = with_files(f"What is in {written} ?")

    assert text == "What is in  ?"
    assert contents == (b"png",)
    assert lines == [f"Added image '{picture}'"]


def test_what_is_no_file_is_text(tmp_path: Path) -> None:
    text = f"Is {tmp_path}/none.png better than don't.jpg? It's so: 'a' \\"

    assert with_files(text) == (text, (), [])


def test_files_of_other_kinds_are_text(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("secret")

    assert with_files(f"Read {tmp_path}/notes.txt")[1] == ()
