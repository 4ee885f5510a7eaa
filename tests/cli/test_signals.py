"""A signal ends a command with the shell's code for it, wherever it comes."""

import os
import signal
import subprocess
import sys

import pytest
from repository import ROOT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_code_that_runs_from_a_string_keeps_its_exit_code(tmp_path, number):
    """Python itself ends by SIGINT after a KeyboardInterrupt that passed through such code, as named tuples are."""
    script = f"""
import click
from generator.cli.main import main

@main.command()
def waits():
    exec("import os; os.kill(os.getpid(), {number:d}); import time; time.sleep(30)")

main(["waits"])
"""
    (tmp_path / "ends.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    call = [sys.executable, "-m", "ends"]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 128 + number, done
    assert done.stderr.strip() == "Stopped.", "it draws nothing that could be kept"
