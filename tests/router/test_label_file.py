from pathlib import Path

import pytest

from arriero.errors import ConfigError
from arriero.router.label_file import Label, read_labels


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def test_every_form_of_a_line_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "labels.jsonl",
        '{"prompt": "a", "gain": 0.4}',
        "",
        '{"prompt": "b", "q_local": 0.5, "q_remote": 0.75, "id": 7}',
        '{"prompt": "c", "label": "COMPLEX", "score": null}',
        '{"prompt": "d", "label": "SIMPLE", "score": 0.2, "scorer": "judge"}',
    )

    assert read_labels(path) == [
        Label("a", 0.4),
        Label("b", 0.25, 0.5, 0.75),
        Label("c", 1.0),
        Label("d", 0.0, score=0.2, scorer="judge"),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("prompt,gain", "line 2: .*malformed"),
        ('{"gain": 1}', "missing required field"),
        ('{"prompt": "a"}', "nothing says which answer is better"),
        ('{"prompt": "a", "q_local": 1}', "nothing says which answer is better"),
        ('{"prompt": "a", "gain": 7}', "between -1 and 1"),
        ('{"prompt": "a", "label": "HARD"}', "Invalid enum value"),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = write(tmp_path / "labels.jsonl", '{"prompt": "a", "gain": 0.4}', line)

    with pytest.raises(ConfigError, match=words):
        read_labels(path)


def test_an_empty_file_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no labels"):
        read_labels(write(tmp_path / "labels.jsonl", ""))
