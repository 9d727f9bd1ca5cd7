"""Makes the space of words that fitted models live in, from recorded outcomes; see arriero/router/term_space.py.

    python -m benchmarks.routing.train_term_space --data DIR --out src/arriero/router/weights/term_space.json

DIR holds the files of recorded outcomes (``*.jsonl.gz``: prompt, group, domain). From the texts come the rarity of
words and what occurs together; from the subjects of MMLU-Pro which words tell subjects apart. No outcome of
any model is looked at.
"""

import argparse
import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize

from arriero.router.term_space import FORMAT, TermSpace
from arriero.router.terms import cues_of, terms_of

FILES = (
    "mmlu_pro",
    "routellm_mmlu",
    "routellm_gsm8k",
    "routellm_mtbench",
    "zeroeval_gsm",
    "zeroeval_crux",
    "provenance_labels",
)
WIDTHS = (64, 40)
LANDMARKS = 64
SEED = 0

# Any: a row of a foreign file.
Row = dict[str, Any]
Numbers = NDArray[np.float64]


def read(data: Path, file: str) -> list[Row]:
    with gzip.open(data / f"{file}.jsonl.gz", "rt") as lines:
        return [json.loads(line) | {"file": file} for line in lines]


def stem(prompt: str) -> str:
    """The question without its choices and marks: the same for one question in two files."""
    return "".join(filter(str.isalnum, prompt.split("\nA. ", maxsplit=1)[0].lower()))


def bucket(row: Row, buckets: int, names: dict[str, str]) -> int:
    """One of so many, the same for the same question in any file."""
    group = names.get(stem(row["prompt"]), row["group"])
    return int(hashlib.sha256(str(group).encode()).hexdigest(), 16) % buckets


def make(rows: list[Row], name: str) -> TermSpace:
    """Learn a space from these rows and from no others."""
    tallies = [terms_of(row["prompt"]) for row in rows]
    seen = Counter(term for tally in tallies for term in tally)
    words = sorted(term for term, count in seen.items() if count >= 3)
    rarity = np.array([min(15.9, np.log((1 + len(rows)) / (1 + seen[word])) + 1) for word in words])
    vectorizer = DictVectorizer().fit([dict.fromkeys(words, 1.0)])
    order = [vectorizer.vocabulary_[word] for word in words]
    weigh = np.zeros(len(words))
    weigh[order] = rarity
    texts = normalize(vectorizer.transform(tallies).multiply(weigh[None, :]).tocsr())
    parts = [_together(texts, WIDTHS[0]), _subjects(texts, rows, WIDTHS[1])]
    vectors = np.hstack(parts)
    steps = np.abs(vectors).max(axis=0) / 127 + 1e-12
    bytes_ = np.round(vectors / steps).astype(np.int8)[order]
    kept = bytes_[np.argsort(order)] * steps
    places = np.split(texts @ kept, np.cumsum(WIDTHS)[:-1], axis=1)
    cues = np.array([cues_of(row["prompt"]) for row in rows])
    return TermSpace(
        format=FORMAT,
        name=name,
        words=" ".join(words),
        rarity=np.round(rarity * 16).astype(np.uint8).tobytes(),
        unlisted=round(float(np.log(1 + len(rows)) + 1 - np.log(2)), 3),
        vectors=bytes_.tobytes(),
        steps=[float(f"{step:.4g}") for step in steps],
        widths=list(WIDTHS),
        landmarks=[_landmarks(place) for place in places],
        cue_means=_rounded(cues.mean(axis=0)),
        cue_scales=_rounded(cues.std(axis=0) + 1e-3),
    )


def _rounded(numbers: Numbers) -> list[float]:
    return [float(f"{number:.5g}") for number in numbers]


def _together(texts: csr_matrix, width: int) -> Numbers:
    svd = TruncatedSVD(width, random_state=SEED).fit(texts)
    return np.asarray(svd.components_.T, float)


def _subjects(texts: csr_matrix, rows: list[Row], width: int) -> Numbers:
    of_subject = np.flatnonzero([row["file"] == "mmlu_pro" for row in rows])
    fine = [str(rows[at]["src"]) for at in of_subject]
    many = {source for source, count in Counter(fine).items() if count >= 20}
    labels = [
        source if source in many else str(rows[at]["domain"]) for source, at in zip(fine, of_subject, strict=True)
    ]
    subjects = sorted(set(labels))
    hot = np.eye(len(subjects))[[subjects.index(label) for label in labels]]
    hot = (hot - hot.mean(axis=0)) / np.sqrt(hot.mean(axis=0))
    weights = Ridge(alpha=1.0).fit(texts[of_subject], hot).coef_.T
    scores = texts[of_subject] @ weights
    _, _, turned = np.linalg.svd(scores, full_matrices=False)
    turned = turned[:width].T
    turned = np.pad(turned, ((0, 0), (0, width - turned.shape[1])))
    return np.asarray(weights @ turned, float)


def _landmarks(place: Numbers) -> list[list[float]]:
    means = KMeans(LANDMARKS, n_init=1, random_state=SEED).fit(normalize(place)).cluster_centers_
    return [[round(float(x), 4) for x in row] for row in normalize(means)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = [row for file in FILES for row in read(given.data, file)]
    space = make(rows, "public")
    given.out.write_bytes(msgspec.json.encode(space))
    print(f"{given.out}: {len(space.words.split())} words, {given.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
