"""The simulators as programs of their own."""

import subprocess
import sys

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_a_call_to_a_service_that_is_not_there() -> None:
    # Port 9 of loopback: discard, which nobody runs; numbers below 1024 are not handed out to others.
    done = run(
        "bench.simulators.twilio",
        *("--webhook-url", "http://127.0.0.1:9/voice#rc=0", "--scenario", "caller-hangs-up"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Simulated Twilio at http://127.0.0.1:" in done.stdout
    assert "11205" in done.stdout
    assert "heard: We are sorry" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench.simulators.openai", "--scenario", "nonsense"),
        ("bench.simulators.twilio", "--webhook-url", "http://127.0.0.1:9/", "--scenario", "nonsense"),
    ],
)
def test_a_scenario_that_is_none_is_one_clear_line(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "no scenario 'nonsense'; there are caller-hangs-up" in done.stderr
    assert "Traceback" not in done.stderr
