from arriero.cli.show_answer import Details, Shown, Turn
from arriero.cli.show_text import show_text

MODEL = Shown(
    details=Details(parameter_size="134.52M", quantization_level="Q8_0"),
    model_info={
        "general.architecture": "llama",
        "llama.context_length": 8192,
        "llama.embedding_length": 576,
        "tokenizer.ggml.tokens": ["a", "b", "c", "d"],
    },
    capabilities=["completion", "tools"],
    parameters='stop                           "<|im_end|>"\ntemperature                    0.2',
    system="You are a mule driver.\nBe brief.\nBe kind.",
    license="Apache License\n\nVersion 2.0",
)


def test_the_sections_of_a_model() -> None:
    assert show_text(MODEL) == (
        "  Model\n"
        "    architecture        llama\n"
        "    parameters          134.52M\n"
        "    context length      8192\n"
        "    embedding length    576\n"
        "    quantization        Q8_0\n"
        "\n"
        "  Capabilities\n"
        "    completion\n"
        "    tools\n"
        "\n"
        "  Parameters\n"
        '    stop           "<|im_end|>"\n'
        "    temperature    0.2\n"
        "\n"
        "  System\n"
        "    You are a mule driver.\n"
        "    Be brief.\n"
        "    ...\n"
        "\n"
        "  License\n"
        "    Apache License\n"
        "\n"
        "    ...\n"
    )


def test_verbose_adds_the_metadata() -> None:
    assert "    tokenizer.ggml.tokens     [a, b, c, ...] (4)\n" in show_text(MODEL, verbose=True)


def test_a_model_of_which_little_is_known() -> None:
    unknown = Shown(model_info={"general.parameter_count": 22_713_216})

    assert show_text(unknown) == "  Model\n    parameters    22.71M\n"


def test_which_models_take_files_and_which_think() -> None:
    assert Shown(capabilities=["vision"]).takes_files
    assert Shown(projector_info={"general.architecture": "clip"}).takes_files
    assert Shown(model_info={"gemma3.vision.block_count": 27}).takes_files
    assert not MODEL.takes_files
    assert Shown(capabilities=["thinking"], messages=[Turn("user", "Hi")]).thinks
