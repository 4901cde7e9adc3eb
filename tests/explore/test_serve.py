"""A notebook as a page: token, host name, and nothing from outside hosts."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import nbformat
import pytest

TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a page that shows a slider."""
    folder = tmp_path_factory.mktemp("page")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import ipywidgets\nipywidgets.IntSlider()")]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python", "language": "py"}
    nbformat.write(notebook, folder / "page.ipynb")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number = one.getsockname()[1]
    command = [sys.executable, "-m", "cagewatch.explore.serve", str(folder / "page.ipynb")]
    command += ["--no-browser", f"--port={number}", f"--token={TOKEN}"]
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(600):
            assert server.poll() is None, (folder / "log").read_text()
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.1)
        yield number
    finally:
        server.terminate()
        server.wait(30)


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_the_page_asks_for_its_token(port: int) -> None:
    answer, _ = get(port, "/")
    assert answer.status in (302, 403)
    assert get(port, "/?token=wrong")[0].status in (302, 403)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.7"])
def test_a_request_in_another_name_is_refused(host: str, port: int) -> None:
    answer, text = get(port, f"/?token={TOKEN}", host)
    assert answer.status == 403
    assert "jp-Notebook" not in text


def test_the_page_loads_nothing_from_outside(port: int) -> None:
    answer, text = get(port, f"/?token={TOKEN}", "localhost")
    assert answer.status == 200 and "jp-Notebook" in text
    assert not re.findall(
        r"<(?:link|script|img|iframe)[^>]*(?:href|src)=[\"']?(?:https?:)?//", text
    )
    policy = answer.getheader("Content-Security-Policy", "")
    assert "default-src 'self'" in policy
    assert "http" not in policy and "*" not in policy
