"""The test whether a server answers within a given time."""

import http.server
import socket
import threading
import time

import pytest
from servers import serving

from jaxcmp.data.network import is_reachable


class Answer(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(403 if self.path == "/forbidden" else 200)
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving(Answer) as url:
        yield url


@pytest.mark.parametrize("page", ["/page", "/forbidden"])
def test_a_server_that_answers_is_reachable(server, page):
    assert is_reachable(server + page)


def test_a_closed_port_is_unreachable(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert not is_reachable(f"http://127.0.0.1:{unused.getsockname()[1]}/")


@pytest.mark.parametrize("drip", [b"", b"H"])
def test_a_server_that_never_finishes_its_answer_is_given_up_in_time(monkeypatch, drip):
    monkeypatch.setenv("no_proxy", "*")
    stop = threading.Event()

    def serve():
        connection, _ = listening.accept()
        with connection:
            # Each byte starts a socket's timeout anew.
            while not stop.wait(0.05) and time.monotonic() < start + 5:
                connection.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        start = time.monotonic()
        thread = threading.Thread(target=serve)
        thread.start()
        assert not is_reachable(f"http://127.0.0.1:{listening.getsockname()[1]}/", seconds=0.3)
        took = time.monotonic() - start
        stop.set()
        thread.join()
    assert took < 2
