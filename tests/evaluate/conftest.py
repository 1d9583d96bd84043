"""The cache of decoded images of these tests, so that none touches a user's."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXCMP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
