"""SGLang's page on its Smart Router, with real SGLang as the remote server."""

from pathlib import Path

import pytest

from arriero import SmartRouter
from tests.client.seed_page import LOCAL_HOST, LOCAL_MODEL, REMOTE_HOST, REMOTE_MODEL, check_with_real_models
from tests.engines_live.servers import MODEL, is_installed, sglang_with
from tests.live.conftest import model_home  # noqa: F401  # a fixture
from tests.live.test_smart_router import serving

pytestmark = pytest.mark.engines


def test_the_page_runs_with_real_sglang(model_home: Path, tmp_path: Path) -> None:  # noqa: F811  # the fixture
    if not is_installed("sglang"):
        pytest.skip("sglang is not installed")
    # The page sets no limit to answers.
    with serving(model_home, tmp_path, LOCAL_MODEL) as local, sglang_with("--context-length", "512") as url:
        check_with_real_models({LOCAL_HOST: local.url, REMOTE_HOST: url, REMOTE_MODEL: MODEL}, "SGLang")
        with SmartRouter(local.url, url) as router:
            # SGLang answers for its one model, whatever that is called.
            assert router.chat("Hello!", force_remote=True, options={"num_predict": 4}).content
