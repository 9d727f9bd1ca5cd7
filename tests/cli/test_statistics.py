from dataclasses import dataclass

from arriero.cli.statistics import statistics_text


@dataclass
class Measured:
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


def test_eight_lines_in_ollamas_words() -> None:
    answer = Measured(1_234_500_000, 234_500_000, 26, 130_079_000, 259, 4_232_710_000)

    assert statistics_text(answer) == (
        "total duration:       1.2345s\n"
        "load duration:        234.5ms\n"
        "prompt eval count:    26 token(s)\n"
        "prompt eval duration: 130.079ms\n"
        "prompt eval rate:     199.88 tokens/s\n"
        "eval count:           259 token(s)\n"
        "eval duration:        4.23271s\n"
        "eval rate:            61.19 tokens/s\n"
    )


def test_a_line_only_for_what_is_above_zero() -> None:
    assert statistics_text(Measured()) == ""
    counted = Measured(eval_count=3, eval_duration=0, load_duration=0)
    assert statistics_text(counted) == "eval count:           3 token(s)\n"
