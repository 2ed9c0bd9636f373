"""The simulated Agents platform as a program of its own."""

import signal
import subprocess
import sys

COMMAND = [sys.executable, "-m", "bench.simulators.elevenlabs"]


def test_it_serves_until_interrupted() -> None:
    with subprocess.Popen(
        [*COMMAND, "--scenario", "opening-hours"], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert "Simulated ElevenLabs Agents at http://127.0.0.1:" in running.stdout.readline()
        assert "Agent agent_" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0


def test_a_scenario_that_is_none_is_one_clear_line() -> None:
    done = subprocess.run(
        [*COMMAND, "--scenario", "nonsense"], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 2
    assert "no scenario 'nonsense'; there are caller-hangs-up" in done.stderr
    assert "Traceback" not in done.stderr
