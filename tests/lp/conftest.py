"""Both kernels, for tests that hold for either."""

import pytest

from mfgamm.lp.native import is_available


@pytest.fixture(params=["native", "xla"])
def backend(request):
    if request.param == "native" and not is_available():
        pytest.skip("no C++ compiler on this machine")
    return request.param
