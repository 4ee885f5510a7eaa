"""What is served answers to its own names alone, is not built for what a build writes, and ends at once."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import tiny_gallery
from repository import ROOT

from generator.core.resources import materialise
from generator.site import dev_server


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Where a site of one page is served."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "index.html").write_text("<html><body>page</body></html>")
    (folder / "ü.txt").write_text("text")
    server = dev_server.server(folder, 0, dev_server.Built())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def status(port, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "[::1]:{}", "localhost"])
def test_its_own_names_are_answered(port, host):
    code, content = status(port, "/", host.format(port))
    assert code == 200 and b"page" in content


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "127.0.0.1.evil.example:{}", "", None, "127.0.0.1:1"]
)
def test_names_that_someone_else_leads_here_are_not(port, host):
    code, content = status(port, "/", host and host.format(port))
    assert code == 421 and b"page" not in content


@pytest.mark.parametrize("path", ["/%00", "/index.html%00", "/a%00/../index.html", "/%0a", "/%1b"])
def test_paths_that_no_file_can_have_are_a_bad_request(port, path):
    assert status(port, path, "localhost")[0] == 400
    assert status(port, "/%C3%BC.txt", "localhost")[0] == 200, "and the server goes on"


def test_what_a_build_writes_is_no_change(tmp_path):
    """Its settings of mkdocs were laid anew each time, and so built twice."""
    options = tiny_gallery.bundled(tmp_path)
    materialise(tmp_path)
    before = dev_server.sources(options)
    assert tmp_path / "mkdocs.yml" in before
    time.sleep(0.02)
    materialise(tmp_path)
    assert dev_server.sources(options) == before
    (tmp_path / "mkdocs.yml").write_text("INHERIT: site_src/.mkdocs.yml\nsite_name: mine\n")
    assert dev_server.sources(options) != before


@pytest.mark.parametrize("moment", ["idle", "while it builds"])
def test_an_interrupt_ends_it_at_once(tmp_path, moment):
    options = tiny_gallery.bundled(tmp_path, methods=["saliency"], targets=["top"])
    tiny_gallery.run(replace(options, no_site=True))
    call = [sys.executable, "-m", "generator", "serve", "--port", "0", "--workers", "1", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(call, cwd=tmp_path, env=environment, **streams)
    for line in process.stdout:
        if "Serving http://127.0.0.1:" in line:
            break
    served = int(line.partition("127.0.0.1:")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", served)) as kept_open:
        kept_open.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if moment == "while it builds":
            tiny_gallery.draw(tmp_path / "images/more.png", seed=5)
            time.sleep(2.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, written = process.communicate(timeout=120)
    assert time.monotonic() - began < 30, "a second on an idle machine; else it waits for the reader or for the build"
    assert "Traceback" not in written
