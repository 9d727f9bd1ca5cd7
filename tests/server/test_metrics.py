from pathlib import Path

from arriero.server.app import Access
from tests.serving import running_server

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def test_a_prometheus_server_gets_text(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, server.client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/plain; version=")
        assert int(response.headers["content-length"]) == len(await response.read())


async def test_it_gets_openmetrics_where_it_asks_for_that(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        server.client.get("/metrics", headers={"accept": OPENMETRICS}) as response,
    ):
        assert response.headers["content-type"].startswith(OPENMETRICS)
        assert (await response.text()).endswith("# EOF\n")


async def test_what_is_counted_is_behind_the_key(tmp_path: Path) -> None:
    async with running_server(tmp_path, access=Access(api_key="s3cret")) as server:
        async with server.client.get("/metrics") as response:
            assert response.status == 401
        async with server.client.get("/metrics", headers={"authorization": "Bearer s3cret"}) as response:
            assert response.status == 200
