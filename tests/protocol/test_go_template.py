import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.go_template import render_template

VALUES = {"System": "Be brief.", "Prompt": "Why?", "Suffix": ""}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ .Prompt }}", "Why?"),
        ("{{.Prompt}}", "Why?"),
        ("[INST] {{ .System }} {{ .Prompt }} [/INST]", "[INST] Be brief. Why? [/INST]"),
        (
            "{{ if .System }}S: {{ .System }}\n{{ end }}U: {{ .Prompt }}\nA: {{ .Response }}",
            "S: Be brief.\nU: Why?\nA: ",
        ),
        ("{{ if .Suffix }}a{{ else }}b{{ end }}", "b"),
        ("{{ if .System }}{{ if .Suffix }}x{{ else }}y{{ end }}{{ end }}", "y"),
        ("a  {{- .Prompt -}}  b", "aWhy?b"),
        ("a {{- /* a comment */ -}} b", "ab"),
        ("x {{ .Response }} y", "x "),
        ("{{ if .Response }}no{{ end }}yes", "yes"),
        ('{{ "a\\n" }}{{ `b` }}', "a\nb"),
        ("no actions }} here", "no actions }} here"),
        ("", ""),
    ],
)
def test_the_subset_is_rendered(template: str, text: str) -> None:
    assert render_template(template, VALUES) == text


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{{ range .Messages }}x{{ end }}", r"\{\{ range .Messages \}\}"),
        ("{{ .Messages }}", ".Messages"),
        ("{{ if and .System .Prompt }}x{{ end }}", "and .System .Prompt"),
        ("{{ if not .System }}x{{ end }}", "not .System"),
        ("{{ .Prompt | json }}", "json"),
        ("{{ $x := .Prompt }}", "x := .Prompt"),
        ("{{ else if .Prompt }}", "else if .Prompt"),
        ("{{ end }}", "end"),
        ("{{ else }}", "else"),
        ("{{ if .System }}x", "unexpected EOF"),
        ("{{ .Prompt", "unclosed action"),
        ("{{ if .System }}a{{ else }}b{{ else }}c{{ end }}", "else"),
        ("{{ .prompt }}", ".prompt"),
    ],
)
def test_what_is_beyond_it_is_named(template: str, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        render_template(template, VALUES)
