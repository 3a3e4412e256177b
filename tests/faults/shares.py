"""How far a sync is when something happens to it: half way in every run of the tests, all else in `make soak`."""

import pytest

SHARES = (0.1, 0.5, 0.9)

_EACH = [pytest.param(share, id=f"{share:.0%}", marks=() if share == 0.5 else pytest.mark.soak) for share in SHARES]
at_any_time = pytest.mark.parametrize("share", _EACH)
