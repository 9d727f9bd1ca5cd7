from pathlib import Path

from arriero.cli.terminal import Prompt


def test_a_history_that_cannot_be_written_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Prompt(tmp_path / "file" / "history", keeps=True)._remember()
    assert (tmp_path / "file").is_file()
