from pathlib import Path

import pytest

from arriero.cli.config_file import UpstreamSource, find_file
from arriero.errors import ConfigError
from arriero.types.upstreams import UpstreamSettings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def written(directory: Path, text: str) -> UpstreamSource:
    file = directory / "config.toml"
    file.write_text(text)
    return UpstreamSource(file=str(file))


def test_a_server_needs_only_its_address(tmp_path: Path) -> None:
    source = written(tmp_path, '[upstreams.gpu]\nurl = "http://10.0.0.5:30000/"')

    assert source.read({}) == (UpstreamSettings("gpu", "http://10.0.0.5:30000"),)


def test_all_that_can_be_said_of_a_server(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    source = written(
        tmp_path,
        f"""
        [upstreams.far]
        url = "https://llm.example.com/base"
        kind = "vllm"
        api_key_env = "FAR_KEY"
        ca_file = "{certificate}"
        connect_timeout_s = 2
        read_timeout_s = 60
        models = {{ big = "org/Big-70B" }}
        capabilities = ["completion", "tools"]
        cumulative = true
        pass_through = false
        """,
    )

    assert source.read({"FAR_KEY": "secret"}) == (
        UpstreamSettings(
            "far",
            "https://llm.example.com/base",
            "vllm",
            "secret",
            certificate,
            2.0,
            60.0,
            {"big": "org/Big-70B"},
            ("completion", "tools"),
            is_cumulative=True,
            passes=False,
        ),
    )


def test_a_list_of_models_keeps_their_names(tmp_path: Path) -> None:
    (server,) = written(tmp_path, '[upstreams.a]\nurl = "http://a:1"\nmodels = ["x", "y/z"]').read({})

    assert server.models == {"x": "x", "y/z": "y/z"}


def test_servers_given_by_flag_go_by_their_address() -> None:
    source = UpstreamSource(("http://gpu:30000/v1", "https://llm.example.com", "http://gpu:30000/v1/"), "secret")

    assert [(each.name, each.url, each.api_key) for each in source.read({})] == [
        ("gpu:30000", "http://gpu:30000/v1", "secret"),
        ("llm.example.com", "https://llm.example.com", "secret"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[upstreams.a]", "missing required field `url`"),
        ('[upstreams.a]\nurl = "gpu:30000"', "give http://HOST:PORT"),
        ('[upstreams.a]\nurl = "http://a:x"', "is no URL"),
        ('[upstreams.a]\nurl = "http://u:p@a"', "without user, query and fragment"),
        ('[upstreams.a]\nurl = "http://a/?x=1"', "without user, query and fragment"),
        ('[upstreams.a]\nurl = "http://a..b"', "give http://HOST:PORT"),
        ('[upstreams.a]\nurl = "http://a"\napi_key = "a\\nb"', "cannot be sent"),
        ('[upstreams.a]\nurl = "http://a"\nurk = 1', "unknown field `urk`"),
        (
            '[upstreams.a]\nurl = "http://a"\nkind = "lmstudio"',
            "[upstreams.a] Invalid enum value 'lmstudio' - at `$.kind`; one of sglang, vllm, smg, llama-server, ollama",
        ),
        ('[upstreams.a]\nurl = "http://a"\napi_key_env = "NONE"', "the variable NONE is not set"),
        ('[upstreams.a]\nurl = "http://a"\nca_file = "/nowhere.pem"', "/nowhere.pem does not exist"),
        ('[upstreams.a]\nurl = "http://a"\nread_timeout_s = 0', "more than 0 seconds"),
        ('[upstreams.a]\nurl = "http://a"\nkind = "ollama"\nmodels = {x = "y"}', "keep their names"),
        ("[upstream.a]", "nothing is called upstream; servers elsewhere stand in [upstreams.NAME]"),
        ("upstreams = 1", "upstreams is no table"),
        ("nonsense", "config.toml: "),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        written(tmp_path, text).read({})

    assert str(tmp_path / "config.toml") in refused.value.message
    assert told in refused.value.message


def test_two_servers_of_one_address_have_two_names() -> None:
    names = [each.name for each in UpstreamSource(("http://h:9", "https://h:9")).read({})]

    assert names == ["h:9", "https://h:9"]


def test_a_flag_that_is_no_address_is_told() -> None:
    with pytest.raises(ConfigError, match="--upstream: give http://HOST:PORT"):
        UpstreamSource(("gpu:30000",)).read({})


def test_the_usual_file_is_found(tmp_path: Path) -> None:
    environ = {"ARRIERO_HOME": str(tmp_path)}
    assert find_file(None, environ) is None

    (tmp_path / "config.toml").touch()
    assert find_file(None, environ) == tmp_path / "config.toml"
    with pytest.raises(ConfigError, match="--config: /nowhere does not exist"):
        find_file("/nowhere", environ)
    with pytest.raises(ConfigError, match="ARRIERO_CONFIG: /nowhere does not exist"):
        find_file(None, {"ARRIERO_CONFIG": "/nowhere"})


def test_the_example_can_be_read() -> None:
    names = [each.name for each in UpstreamSource(file=str(EXAMPLE)).read({"GPU_KEY": "k", "HOSTED_KEY": "k"})]

    assert names == ["gpu1", "gpu2", "hosted", "home"]
