import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.go_template_check import check_template


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{ } }}",
        "{{ .Prompt }}",
        "{{- if .System }}a{{- else if .Prompt -}}b{{ else }}c{{ end }}",
        '{{ range $i, $_ := .Messages }}{{ if eq .Role "}}" }}`{{ end }}{{- end }}',
        "{{/* if } */}}{{- /* it's */ -}}",
        '{{ printf "a\\"}}" `}}` }}',
        '{{ if\n.System }}x{{end}}{{ define "a" }}{{ end }}',
    ],
)
def test_what_can_be_rendered_passes(template: str) -> None:
    check_template(template)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ if }}", "1: missing value for if"),
        ("a\n{{ .Prompt", "2: unclosed action"),
        ('{{ printf "a }}', "1: unclosed action"),
        ("{{ if .A }}\nx", "2: unexpected EOF"),
        ("x{{ end }}", "1: unexpected {{end}}"),
        ("{{ else }}", "1: unexpected {{else}}"),
    ],
)
def test_what_never_can_is_told_in_ollamas_words(template: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_template(template)
    assert caught.value.message == f"template error: template: :{reason}"
