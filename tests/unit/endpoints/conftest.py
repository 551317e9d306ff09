"""What the tests of endpoints share: quick limits, and servers that follow a script."""

from collections.abc import Callable
from typing import Any

import pytest
from loopback import Fault, Reply

from unisafebench.endpoints.http import Limits

Answer = Callable[[dict[str, Any]], Reply | Fault]


@pytest.fixture
def quick() -> Callable[..., Limits]:
    """Limits whose own waits are at most 20 ms."""

    def limits(**changes: Any) -> Limits:
        given = {"first_wait_s": 0.01, "longest_wait_s": 0.02, "timeout_s": 10.0, "max_retries": 3}
        return Limits(**(given | changes))

    return limits


@pytest.fixture
def script() -> Callable[..., Answer]:
    """Return an `answer` that gives these replies in turn, and the last one ever after."""

    def scripted(*replies: Reply | Fault) -> Answer:
        left = list(replies)
        return lambda _: left.pop(0) if len(left) > 1 else left[0]

    return scripted
