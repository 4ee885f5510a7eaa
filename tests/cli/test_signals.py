"""A signal ends a command with the shell's code for it, wherever it comes."""

import os
import signal
import subprocess
import sys

import pytest
from repository import ROOT

CODE = {
    "as it is": "wait()",
    "run from a string, after which Python itself ends by SIGINT": "exec('wait()')",
    "makes another error of it, as compiled extensions do": """
    try:
        wait()
    except BaseException as error:
        raise ValueError("while it was loaded") from error
""",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", CODE)
def test_a_signal_ends_a_command_with_its_exit_code_and_in_one_line(tmp_path, number, code):
    script = f"""
import os, time
from generator.cli.main import main

def wait():
    os.kill(os.getpid(), {number:d})
    time.sleep(300)

@main.command()
def waits():
    {CODE[code]}

main(["waits"])
"""
    (tmp_path / "ends.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    call = [sys.executable, "-m", "ends"]
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + number, done
    assert done.stderr.strip() == "Stopped.", "it draws nothing that could be kept"
