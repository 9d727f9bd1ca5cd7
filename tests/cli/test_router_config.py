import re
from pathlib import Path
from typing import get_args

import pytest

from arriero.cli.config_file import UpstreamSource
from arriero.cli.router_config import check_upstreams
from arriero.cli.router_flags import router_of_flags
from arriero.errors import ConfigError
from arriero.router.rule_tables import parse_share
from arriero.router.rules import Rule, RuleRoute
from arriero.router.settings import Limits, Prices, RouterSettings, Sessions

LEAST = 'local = "small"\nremote = "big"\n'


def read(directory: Path, text: str, *routers: RouterSettings) -> tuple[RouterSettings, ...]:
    file = directory / "config.toml"
    file.write_text(text)
    return UpstreamSource(file=str(file), routers=routers).read_routers({})


def read_one(directory: Path, lines: str) -> RouterSettings:
    [settings] = read(directory, f"[router.smart]\n{LEAST}{lines}")
    return settings


def test_a_router_needs_only_its_two_models(tmp_path: Path) -> None:
    assert read_one(tmp_path, "") == RouterSettings(
        "small",
        "big",
        name="smart",
        lacks={"local": (), "remote": ()},
        limits={"local": Limits(), "remote": Limits()},
    )


def test_all_that_can_be_said_of_a_router(tmp_path: Path) -> None:
    weights = tmp_path / "fitted.json"
    weights.touch()
    found = read_one(
        tmp_path,
        f"""
        judge = "little"
        scorer = "fitted"
        remote_share = "30%"
        band = [0.3, 0.7]
        weights = "{weights}"
        judge_timeout_s = 0.5
        judge_has_own_process = false
        local_lacks = ["tools"]
        remote_lacks = ["vision", "insert"]
        local_most_in_flight = 2
        remote_most_in_flight = 20
        keep_sessions = false
        comes_down_after = 5
        price_in = 0.15
        price_out = 0.6
        budget = 10
        budget_period = "month"
        second_look = true
        shadow = "local"
        ask_both = 0.02
        start_ahead = false
        keep_prompts = true
        """,
    )

    assert found == RouterSettings(
        "small",
        "big",
        "little",
        "smart",
        "fitted",
        None,
        0.3,
        (0.3, 0.7),
        weights,
        0.5,
        has_own_judge=False,
        lacks={"local": ("tools",), "remote": ("vision", "insert")},
        limits={"local": Limits(2), "remote": Limits(20)},
        sessions=Sessions(are_kept=False, comes_down_after=5),
        prices=Prices(0.15, 0.6, 10, 30 * 86_400.0),
        looks_twice=True,
        shadow="local",
        asks_both=0.02,
        starts_ahead=False,
        keeps_prompts=True,
    )
    assert not read_one(tmp_path, "log = false").keeps_log


def test_all_that_can_be_said_of_a_rule(tmp_path: Path) -> None:
    found = read_one(
        tmp_path,
        """
        [[router.smart.rules]]
        name = "keep"
        route = "private"
        keywords = ["salary", "diagnosis"]
        regex = '\\d{4}'
        min_chars = 1
        max_chars = 100
        has_images = false
        has_tools = true
        keys = ["key-1"]
        metadata = { team = "research" }
        [[router.smart.rules]]
        route = "remote"
        max_chars = 9
        """,
    )

    assert found.rules == (
        Rule(
            "keep",
            "private",
            ("salary", "diagnosis"),
            re.compile(r"\d{4}"),
            1,
            100,
            has_images=False,
            has_tools=True,
            keys=("key-1",),
            metadata={"team": "research"},
        ),
        Rule("rule 2", "remote", max_chars=9),
    )


@pytest.mark.parametrize("route", get_args(RuleRoute))
def test_every_route_of_a_rule_is_read(tmp_path: Path, route: RuleRoute) -> None:
    found = read_one(tmp_path, f'[[router.smart.rules]]\nroute = "{route}"\nmin_chars = 9')

    assert found.rules[0].route == route


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('locale = "x"', "locale"),
        ("threshold = 1.5", "threshold: 1.5 is not between 0 and 1"),
        ("threshold = -0.1", "threshold"),
        ("threshold = nan", "threshold"),
        ('remote_share = "130%"', "remote_share"),
        ('remote_share = "many"', "'many' is no share"),
        ("ask_both = 2", "ask_both"),
        ("threshold = 0.5\nremote_share = 0.3", "not both"),
        ("band = [0.8, 0.2]", "band"),
        ("band = [0.2]", "band"),
        ("judge_timeout_s = 0", "judge_timeout_s"),
        ("price_in = -1", "negative"),
        ("budget = -1\nprice_in = 1", "negative"),
        ("budget = 5", "needs price_in and price_out"),
        ('budget_period = "year"', "budget_period"),
        ("local_most_in_flight = 0", "most_in_flight"),
        ('scorer = "judge"', "needs a judge"),
        ('scorer = "cascade"', "needs a judge"),
        ('scorer = "fitted"', "arriero route fit"),
        ('weights = "/nowhere.json"', "/nowhere.json does not exist"),
        (f'weights = "{__file__}"', "weights: the scorer 'linear' has none"),
        ('ask_both = "2%"', "ask_both needs log and keep_prompts"),
        ('ask_both = "2%"\nkeep_prompts = true\nlog = false', "ask_both needs log and keep_prompts"),
        ('local_lacks = ["sight"]', "'sight'"),
        ('judge = " "', "judge: the name of a model is missing"),
        ('judge = "smart"', "smart is a router"),
        ('shadow = "both"', "shadow"),
        ('[[router.smart.rules]]\nroute = "away"', "route"),
        ("[[router.smart.rules]]\nname = 'x'", "route"),
        ("[[router.smart.rules]]\nroute = 'local'\nregex = '('", "rule 1: the regex"),
        ("[[router.smart.rules]]\nroute = 'private'", "rule 1 says of no request"),
        ("budget_period = 'week'", "one of hour, day, month"),
        ("comes_down_after = 0", "comes_down_after must be 1 or more"),
        ("remote_most_in_flight = 0", "remote_most_in_flight must be 1"),
        ("[[router.smart.rules]]\nroute = 'private'\nkeyword = ['x']", "keyword"),
        ("[[router.smart.rules]]\nroute = 'private'\nkeywords = ['x', ' ']", "empty keyword"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(tmp_path: Path, lines: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as raised:
        read_one(tmp_path, lines)

    assert "smart" in raised.value.message


@pytest.mark.parametrize("missing", ["local", "remote"])
def test_a_router_needs_both_models(tmp_path: Path, missing: str) -> None:
    lines = [line for line in LEAST.splitlines() if not line.startswith(missing)]

    with pytest.raises(ConfigError, match=missing):
        read(tmp_path, "[router.smart]\n" + "\n".join(lines))


@pytest.mark.parametrize("text", ['router = "smart"', "[router]\nsmart = 1", '[router]\nlocal = "small"'])
def test_a_router_stands_in_a_table_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"\[router\.smart\]"):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["", " "])
def test_a_router_has_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        read(tmp_path, f'[router."{name}"]\n{LEAST}')


@pytest.mark.parametrize("name", ["smart:local", "smart:REMOTE", "a:b:local "])
def test_a_routers_name_does_not_mean_a_side(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="sides"):
        read(tmp_path, f'[router."{name}"]\n{LEAST}')


@pytest.mark.parametrize(
    "model",
    [
        "smart",
        "SMART",
        "smart:latest",
        "smart:local",
        "smart:latest:remote",
        "library/smart",
        "registry.ollama.ai/library/smart:latest:local",
        " smart ",
    ],
)
@pytest.mark.parametrize("role", ["local", "remote", "judge"])
def test_a_router_is_no_model_of_a_router_however_it_is_written(tmp_path: Path, model: str, role: str) -> None:
    roles = {"local": "small", "remote": "big", role: model}
    lines = "\n".join(f'{name} = "{value}"' for name, value in roles.items())

    with pytest.raises(ConfigError, match="is a router"):
        read(tmp_path, f"[router.smart]\n{lines}")
    with pytest.raises(ConfigError, match="is a router"):
        read(tmp_path, f"[router.other]\n{lines}\n[router.smart]\n{LEAST}")


def test_two_routers_do_not_go_by_the_same_name(tmp_path: Path) -> None:
    for first, second in (("smart", "Smart"), ("smart", "smart:latest")):
        with pytest.raises(ConfigError, match="both be called"):
            read(tmp_path, f'[router."{first}"]\n{LEAST}[router."{second}"]\n{LEAST}')


def test_several_routers_stand_side_by_side_and_flags_change_the_models_of_one_and_nothing_else(tmp_path: Path) -> None:
    by_flag = RouterSettings("tiny", "huge", name="smart")
    rule = '[[router.smart.rules]]\nroute = "private"\nkeywords = ["iban"]\n'
    found = read(tmp_path, f"[router.smart]\n{LEAST}{rule}[router.other]\n{LEAST}", by_flag)

    assert [(each.name, each.local, len(each.rules)) for each in found] == [("smart", "tiny", 1), ("other", "small", 0)]


def test_without_a_file_there_are_the_routers_of_the_flags(tmp_path: Path) -> None:
    by_flag = RouterSettings("tiny", "huge")

    assert UpstreamSource(routers=(by_flag,)).read_routers({"ARRIERO_HOME": str(tmp_path)}) == (by_flag,)


@pytest.mark.parametrize(("value", "share"), [(0.3, 0.3), (1, 1.0), ("0.3", 0.3), ("30%", 0.3), (" 5 % ", 0.05)])
def test_a_share_is_read_as_people_write_it(value: float | str, share: float) -> None:
    assert parse_share(value, "here") == share


def test_flags_make_a_router() -> None:
    assert router_of_flags(None, None, None, None) == ()
    assert router_of_flags(None, "small", "big", None) == (RouterSettings("small", "big"),)
    assert router_of_flags("clever", "small", "big", "little") == (
        RouterSettings("small", "big", "little", name="clever"),
    )


@pytest.mark.parametrize(
    "flags",
    [
        ("smart", None, None, None),
        (None, "small", None, None),
        (None, None, "big", None),
        (None, None, None, "little"),
        ("smart", "small", None, "little"),
    ],
)
def test_flags_that_make_no_whole_router_are_told(flags: tuple[str | None, str | None, str | None, str | None]) -> None:
    with pytest.raises(ConfigError, match="--local MODEL and --remote MODEL"):
        router_of_flags(*flags)


def test_the_local_models_server_must_be_one_that_is_named() -> None:
    settings = RouterSettings("small", "big", local_upstream="near")
    check_upstreams([settings], ["near", "far"])
    with pytest.raises(ConfigError, match="no upstream is called 'near'; there are: far"):
        check_upstreams([settings], ["far"])
