import pytest

from arriero.errors import SourceFailed
from arriero.store.sources.quants import Choice, RepoFile, choose_file, format_bytes, is_model, quant_of

GB = 10**9
REPO = "user/m-GGUF"
FILES = (
    RepoFile("README.md", 1000),
    RepoFile("m-F16.gguf", 16 * GB),
    RepoFile("m-Q2_K.gguf", 3 * GB),
    RepoFile("m-Q4_K_M.gguf", 5 * GB),
    RepoFile("m-Q6_K.gguf", 7 * GB),
    RepoFile("m-Q8_0.gguf", 9 * GB),
    RepoFile("mmproj-m-Q8_0.gguf", GB),
    RepoFile("m.imatrix.gguf", GB),
)


def choose(wanted: str = "", memory_bytes: int = 100 * GB, files: tuple[RepoFile, ...] = FILES) -> Choice:
    return choose_file(REPO, files, wanted, memory_bytes)


@pytest.mark.parametrize(
    ("memory_gb", "quant"), [(100, "Q8_0"), (9, "Q8_0"), (8, "Q6_K"), (5, "Q4_K_M"), (4, "Q2_K"), (3, "Q2_K")]
)
def test_the_best_that_fits_is_chosen(memory_gb: int, quant: str) -> None:
    assert choose(memory_bytes=memory_gb * GB).quant == quant


def test_the_choice_is_told_in_a_sentence() -> None:
    chosen = choose(memory_bytes=6_300_000_000)
    assert chosen.reason == "chose Q4_K_M (5.0 GB) of 5 files in user/m-GGUF: the best that fits 6.3 GB"
    assert chosen.file == RepoFile("m-Q4_K_M.gguf", 5 * GB)


def test_unquantised_files_are_taken_only_where_there_is_nothing_else() -> None:
    files = (RepoFile("m-F32.gguf", 4), RepoFile("m-BF16.gguf", 2), RepoFile("m-F16.gguf", 2))
    assert choose(files=files).quant == "BF16"
    assert choose(files=(*files, RepoFile("m-Q2_K.gguf", 1))).quant == "Q2_K"


def test_what_fits_nowhere_is_refused_with_the_sizes() -> None:
    with pytest.raises(SourceFailed) as caught:
        choose(memory_bytes=GB)
    assert caught.value.message == (
        "no file of user/m-GGUF fits 1.0 GB: it has Q2_K (3.0 GB), Q4_K_M (5.0 GB), Q6_K (7.0 GB), Q8_0 (9.0 GB), "
        "F16 (16.0 GB); ask for one by its name to try it all the same: user/m-GGUF:Q2_K"
    )


@pytest.mark.parametrize("wanted", ["q4_k_m", "Q4_K_M", "M-q4_k_m.gguf"])
def test_what_was_asked_for_is_taken_whatever_fits(wanted: str) -> None:
    chosen = choose(wanted, memory_bytes=1)
    assert chosen.reason == "chose Q4_K_M (5.0 GB) of 5 files in user/m-GGUF: as asked"


def test_a_quantisation_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SourceFailed, match=r"has no Q5_K_M; it has Q2_K \(3.0 GB\), Q4_K_M"):
        choose("Q5_K_M")


def test_the_only_file_is_taken_without_a_quantisation_in_its_name() -> None:
    chosen = choose(files=(RepoFile("model.gguf", 400_000_000),))
    assert (chosen.quant, chosen.file.name) == ("", "model.gguf")
    assert chosen.reason.startswith("chose model.gguf (400 MB) of the only file in")


def test_a_repository_without_models_is_refused() -> None:
    with pytest.raises(SourceFailed, match="no GGUF file"):
        choose(files=(RepoFile("mmproj-Q8_0.gguf", 1), RepoFile("model.safetensors", 1)))


def test_files_in_pieces_are_passed_over_and_refused_where_there_are_no_others() -> None:
    pieces = tuple(RepoFile(f"m-Q8_0-0000{part}-of-00002.gguf", GB) for part in (1, 2))
    assert choose(files=(*pieces, RepoFile("m-Q2_K.gguf", GB))).quant == "Q2_K"
    with pytest.raises(SourceFailed, match="several pieces"):
        choose(files=pieces)


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("Llama-3.2-1B-Instruct-IQ4_XS.gguf", "IQ4_XS"),
        ("Qwen3-4B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("BF16/Qwen3-4B-BF16.gguf", "BF16"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("model-fp16.gguf", "F16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Q8_0.gguf", "Q8_0"),
        ("qwen2.gguf", ""),
        ("smollm2-1.7b.gguf", ""),
    ],
)
def test_the_quantisation_is_read_from_the_name(name: str, quant: str) -> None:
    assert quant_of(name) == quant


def test_a_kind_that_is_unknown_comes_last() -> None:
    files = (RepoFile("m-Q4_0_4_4.gguf", 1), RepoFile("m-F16.gguf", 2))
    assert choose(files=files).quant == "F16"


def test_models_are_told_by_their_names() -> None:
    assert is_model("a/Model.GGUF")
    assert not any(is_model(name) for name in ("mmproj-model.gguf", "imatrix.gguf", "ggml-vocab-x.gguf", "m.bin"))


@pytest.mark.parametrize(
    ("size", "text"), [(12_345_678_901, "12.3 GB"), (398_000_000, "398 MB"), (2_000, "2 KB"), (0, "0 KB")]
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert format_bytes(size) == text
