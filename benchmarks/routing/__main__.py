"""All figures of the router, as they stand in ``docs/routing.md``.

``python -m benchmarks.routing --judge FILE.gguf [--judge ...] [--write docs/routing.md]``: it takes most of an hour.
Each part is a command of its own, which is told with its table, and can be run by itself.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.machine import describe_machine

_BEGIN = "<!-- figures -->"
_END = "<!-- end of figures -->"
_HEURISTIC = "baselines/litellm_heuristic.csv"


@dataclass(frozen=True, slots=True)
class _Part:
    """A section: its title, and the commands whose output it shows."""

    title: str
    commands: tuple[tuple[str, ...], ...]


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("../shared/router"), show_default=True)
@click.option("--judge", "judges", type=click.Path(path_type=Path, exists=True), multiple=True, help="A GGUF file.")
@click.option("--only", metavar="WORD", help="Only parts whose title has this word.")
@click.option("--write", type=click.Path(path_type=Path), help="Put them between the marks of this file.")
def main(data: Path, judges: Sequence[Path], only: str | None, write: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = [part for part in _parts(data, judges, Path(folder)) if only is None or only in part.title]
        told = "\n".join([describe_machine(), "", *(_run(part, data) for part in parts)])
    click.echo(told)
    if write is not None:
        text = write.read_text(encoding="utf-8")
        before, _, rest = text.partition(_BEGIN)
        write.write_text(f"{before}{_BEGIN}\n{told}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def _parts(data: Path, judges: Sequence[Path], scratch: Path) -> list[_Part]:
    provenance = str(data / "public" / "provenance_labels.jsonl.gz")
    judged = [
        command
        for number, judge in enumerate(judges)
        for command in (
            ("judge", "--swa-full", "--data", provenance, "--scores", str(scratch / f"{number}.jsonl"), str(judge)),
            ("cascade", "--data", provenance, str(scratch / f"{number}.jsonl")),
        )
    ]
    return [
        _Part("Fitted to labels, cross-validated", tuple(_evaluated(data))),
        _Part("The shipped weights, on what they have not seen", (("train_linear", "--data", str(data)),)),
        _Part("The judge and the cascade", tuple(judged)),
        _Part("What it costs", (("pipeline", "--data", str(data)),)),
        _Part("The share, and true probabilities", (("shares", "--data", str(data)),)),
    ]


def _evaluated(data: Path) -> list[tuple[str, ...]]:
    """evaluate.py with models that are fitted by spaces of words that have not seen the set (see ``fit_eval``)."""
    mmlu, gsm8k, mix = ("fit_crossed_mmlu", "fit_without_mmlu"), ("fit_without_gsm8k",), ("fit_without_mix",)
    runs = [
        *(("mmlu", "1500", seed, mmlu) for seed in range(3)),
        ("mmlu", "0", 0, mmlu),
        *(("gsm8k", "0", seed, gsm8k) for seed in range(2)),
        *(("mixgpt4", "300", seed, mix) for seed in range(2)),
    ]
    return [
        (
            *(str(data / "evaluate.py"), "--sets", name, "--folds", "5", "--train", train, "--seed", str(seed)),
            *(word for fit in fits for word in ("--scorer", f"benchmarks.routing.fit_eval:{fit}@fit")),
            # These are not fitted, and so do not depend on the seed.
            *(("--scorer", "length", "--scorer", str(data / _HEURISTIC)) if seed == 0 else ()),
        )
        for name, train, seed, fits in runs
    ]


def _run(part: _Part, data: Path) -> str:
    lines = [f"### {part.title}", ""]
    for command in part.commands:
        is_script = command[0].endswith(".py")
        argv = [*(command if is_script else ("-m", f"benchmarks.routing.{command[0]}", *command[1:]))]
        click.echo(f"running {' '.join(argv)}", err=True)
        began_s = time.monotonic()
        environment = {**os.environ, "ARRIERO_ROUTING_DATA": str(data / "public")}
        done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=False, env=environment)
        click.echo(f"  exit {done.returncode} after {time.monotonic() - began_s:.0f} s", err=True)
        output = done.stdout.strip() or done.stderr.strip()
        lines += [f"`{_shown(argv)}`", "", f"```text\n{output}\n```" if is_script else output, ""]
    return "\n".join(lines)


def _shown(argv: Sequence[str]) -> str:
    """The command as a reader can run it, without the places where this machine has its files."""
    return " ".join(["python", *(word if word.startswith(("-", "benchmarks")) else Path(word).name for word in argv)])


if __name__ == "__main__":
    main()
