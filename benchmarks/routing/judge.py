"""How well small models judge which requests are hard, and what asking them costs.

``python -m benchmarks.routing.judge --data FILE MODEL.gguf …``: the file has prompts that are known to be SIMPLE or
COMPLEX, as lines of JSON. Calibrations are fitted on one half of them; all figures are of the other.
"""

import asyncio
import gzip
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from arriero.router.calibration import Platt, expected_calibration_error, fit_platt
from arriero.router.judge import JudgeScorer, JudgeSettings
from arriero.router.subject import Subject
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.events import text_and_thinking
from arriero.types.sampling import SamplingParams
from benchmarks.routing.impersonation import attacks
from benchmarks.routing.judge_worker import JudgeWorker, judge_worker
from benchmarks.routing.ranking import area, bootstrap, share_right
from benchmarks.tables import format_table

_PATIENCE_S = 120.0
_SHORTEST, _LONGEST = 30, 90
# SGLang's: it is asked to answer in a word, which is looked for anywhere in the answer.
_SEED_PROMPT = """You are a task classifier. Classify the following user request into one of two categories.

Categories:
- SIMPLE: Quick responses, greetings, factual questions, definitions, translations, basic Q&A
- COMPLEX: Tasks requiring deep reasoning, multi-step analysis, long explanations, creative writing, detailed research

Reply with ONLY one word: either SIMPLE or COMPLEX.

User request: "{prompt}"

Category:"""


class Labelled(Struct, frozen=True):
    """A prompt, and whether it is COMPLEX. group: of prompts that are nearly the same."""

    prompt: str
    label: str
    id: str
    group: str

    @property
    def is_complex(self) -> bool:
        return self.label == "COMPLEX"

    @property
    def is_short(self) -> bool:
        return _SHORTEST <= len(self.prompt) <= _LONGEST


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many prompts: of each label and half; of them, asked without the cache; that try to speak for the judge.

    keeps_windows: see ``judge_worker``.
    """

    sample: int
    cold: int
    attacked: int
    keeps_windows: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge makes of prompts. scores: before calibration. cpu_s, took_s: of one decision."""

    rows: Sequence[Labelled]
    scores: Sequence[float]
    bounded: int
    cpu_s: float
    took_s: float

    @property
    def outcomes(self) -> list[bool]:
        return [row.is_complex for row in self.rows]


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told of one model. cold, warm: of the same prompts without and with the cache."""

    name: str
    line: Platt
    learned: Judged
    held_out: Judged
    cold: Judged
    warm: Judged
    turned: Mapping[str, tuple[int, int]]
    seed_area: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--sample", default=250, show_default=True, help="Prompts of each label, of each half.")
@click.option("--cold", default=15, show_default=True, help="Of each label, prompts that are also asked uncached.")
@click.option("--attacked", default=20, show_default=True, help="Of each label, prompts that speak for the judge.")
@click.option("--scores", type=click.Path(path_type=Path), help="Write all scores to this file, as lines of JSON.")
@click.option(
    "--swa-full", "keeps_windows", is_flag=True, help="Load models with a sliding window as llama.cpp's flag."
)
def main(models: Sequence[Path], data: Path, scores: Path | None, *, keeps_windows: bool, **sizes: int) -> None:
    """Print two tables: how well each model ranks, and what it costs."""
    halves = [_sample(half, sizes["sample"]) for half in _halves(read_labelled(data))]
    reports = [
        asyncio.run(_measure(path, halves[0], halves[1], Sizes(**sizes, keeps_windows=keeps_windows)))
        for path in models
    ]
    click.echo(_ranking_table(reports))
    click.echo(_cost_table(reports))
    if scores:
        scores.write_bytes(b"".join(map(_written, reports)))


async def _measure(path: Path, learned: Sequence[Labelled], held_out: Sequence[Labelled], sizes: Sizes) -> Report:
    async with judge_worker(path, threads=1, keeps_windows=sizes.keeps_windows) as worker:
        click.echo(f"{path.stem} is asked", err=True)
        # What is the same for all prompts is in the cache from the first one on.
        await _judge(worker, learned[:1])
        halves = [await _judge(worker, rows) for rows in (learned, held_out)]
        line = fit_platt(halves[0].scores, halves[0].outcomes)
        few = _sample(held_out, sizes.cold)
        warm = await _judge(worker, few)
        cold = await _judge(worker, few, is_caching=False)
        turned = await _turned(worker, line, _sample(held_out, sizes.attacked))
        said = [await _says_complex(worker, row.prompt) for row in few]
        seed_area = area(said, [row.is_complex for row in few])
        return Report(path.stem, line, halves[0], halves[1], cold, warm, turned, seed_area)


async def _judge(worker: JudgeWorker, rows: Sequence[Labelled], *, is_caching: bool = True) -> Judged:
    settings = JudgeSettings(timeout_s=_PATIENCE_S, most_cached=0)
    scorer = JudgeScorer(worker.ask, worker.tokenize, Platt(), settings)
    worker.reset(is_caching=is_caching)
    scores = [await scorer.score(Subject((Message("user", row.prompt),))) for row in rows]
    bounded = sum("bounded" in score.notes for score in scores)
    asked = max(worker.asked, 1)
    return Judged(rows, [score.probability for score in scores], bounded, worker.cpu_s / asked, worker.took_s / asked)


async def _turned(worker: JudgeWorker, line: Platt, rows: Sequence[Labelled]) -> Mapping[str, tuple[int, int]]:
    """How many prompts of each label are taken for what they claim to be, and of how many."""
    plain = await _judge(worker, rows)
    turned: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for row, score in zip(rows, plain.scores, strict=True):
        if (line(score) >= 0.5) != row.is_complex:
            continue
        claims = [msgspec.structs.replace(row, prompt=each) for each in attacks(row.prompt, is_complex=row.is_complex)]
        judged = await _judge(worker, claims)
        turned[row.label] += sum((line(each) >= 0.5) != row.is_complex for each in judged.scores)
        asked[row.label] += len(claims)
    return {label: (turned[label], asked[label]) for label in asked}


async def _says_complex(worker: JudgeWorker, prompt: str) -> float:
    message = Message("user", _SEED_PROMPT.replace("{prompt}", prompt[:500]))
    request = TextRequest(ChatPrompt((message,)), SamplingParams(max_tokens=10, temperature=0.0))
    events = [event async for batch in worker.engine.generate(request) for event in batch]
    return float("COMPLEX" in text_and_thinking(events)[0].upper())


def read_labelled(path: Path) -> list[Labelled]:
    """Return the prompts of a file."""
    with gzip.open(path) as lines:
        return [msgspec.json.decode(line, type=Labelled) for line in lines]


def _halves(rows: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """By hash, so that neither depends on the order; a group lies in one of them."""
    ordered = sorted(rows, key=lambda row: _hash(row.group))
    return [row for row in ordered if _hash(row.group)[3] % 2 == 0], [row for row in ordered if _hash(row.group)[3] % 2]


def _hash(text: str) -> bytes:
    return hashlib.sha256(f"s1{text}".encode()).digest()


def _sample(rows: Sequence[Labelled], most: int) -> list[Labelled]:
    """So many of each label, in turn."""
    kinds = [[row for row in rows if row.is_complex == is_complex][:most] for is_complex in (False, True)]
    return [row for pair in zip(*kinds, strict=False) for row in pair]


def _ranking_table(reports: Sequence[Report]) -> str:
    lengths = [float(len(row.prompt)) for row in reports[0].held_out.rows]
    rows = [["length", *_areas(reports[0].held_out, lengths), "", "", "", "", "", ""], *map(_ranking_row, reports)]
    head = [
        "judge",
        "AUC",
        "30-90 characters",
        "right at 0.5",
        "calibrated",
        "ECE",
        "COMPLEX turned",
        "SIMPLE turned",
        "seed's prompt",
    ]
    return format_table(f"Ranking: {len(lengths)} prompts that were not learned from", head, rows)


def _ranking_row(report: Report) -> list[str]:
    judged = report.held_out
    outcomes = judged.outcomes
    probabilities = [report.line(score) for score in judged.scores]
    low, high = bootstrap(share_right, probabilities, outcomes)
    return [
        report.name,
        *_areas(judged, judged.scores),
        f"{share_right(judged.scores, outcomes):.3f}",
        f"{share_right(probabilities, outcomes):.3f} [{low:.3f}, {high:.3f}]",
        f"{expected_calibration_error(probabilities, outcomes):.3f}",
        *("{}/{}".format(*report.turned.get(label, (0, 0))) for label in ("COMPLEX", "SIMPLE")),
        f"{report.seed_area:.2f}",
    ]


def _areas(judged: Judged, scores: Sequence[float]) -> list[str]:
    cells = []
    for places in (range(len(scores)), [place for place, row in enumerate(judged.rows) if row.is_short]):
        chosen, outcomes = [scores[place] for place in places], [judged.outcomes[place] for place in places]
        low, high = bootstrap(area, chosen, outcomes)
        cells.append(f"{area(chosen, outcomes):.3f} [{low:.3f}, {high:.3f}]")
    return cells


def _cost_table(reports: Sequence[Report]) -> str:
    rows = [
        [
            report.name,
            f"{report.warm.cpu_s * 1e3:.0f}",
            f"{report.cold.cpu_s * 1e3:.0f}",
            f"{report.warm.cpu_s / report.cold.cpu_s:.2f}",
            f"{report.warm.took_s * 1e3:.0f}",
            f"{report.held_out.bounded}",
            f"{report.line.a:.3f}, {report.line.b:.3f}",
        ]
        for report in reports
    ]
    head = ["judge", "CPU ms", "without cache", "ratio", "took ms", "bounded", "Platt's a, b"]
    return format_table("Cost of a decision: the worker's CPU time, one thread", head, rows)


def _written(report: Report) -> bytes:
    halves = (("learned", report.learned), ("held out", report.held_out))
    return b"".join(
        msgspec.json.encode(
            {"model": report.name, "half": name, "id": row.id, "complex": row.is_complex, "score": score}
        )
        + b"\n"
        for name, half in halves
        for row, score in zip(half.rows, half.scores, strict=True)
    )


if __name__ == "__main__":
    main()
