"""Options of the pytest-benchmark suite, and one pinned thread by default."""

from __future__ import annotations

import pytest

from lstm_fast.bench import machine


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lstm_fast")
    group.addoption(
        "--lstm-threads", type=int, default=1, help="threads of the layer; the process is pinned to as many CPUs"
    )
    group.addoption("--lstm-dtype", choices=("float32", "float64"), default="float32")


@pytest.fixture(scope="session")
def threads(request: pytest.FixtureRequest) -> int:
    """Thread count; the process is confined to that many CPUs from here on."""
    count = int(request.config.getoption("--lstm-threads"))
    machine.pin(machine.choose_cpus(count))
    return count


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--lstm-dtype"))


@pytest.fixture(scope="session")
def limits(threads: int) -> machine.Limits:
    """The machine's limits, measured once per session on `threads` cores."""
    from lstm_fast.bench.race import Race

    with Race([], threads, machine.choose_cpus(threads)) as race:
        return race.limits(0.2)
