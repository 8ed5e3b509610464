"""`hf:` sources through the hub's own client, against a hub of our own."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ringline.inference import fetching
from ringline.inference.fetching import PullError, fetch
from ringline.inference.registry import HubFile

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

pytestmark = pytest.mark.system

WEIGHTS = b"weights" * 1000
SOURCE = HubFile("owner/model", "v1", "onnx/m.onnx", hashlib.sha256(WEIGHTS).hexdigest())


class Hub(BaseHTTPRequestHandler):
    """Serves one file the way the hub does: its commit and hash in the headers."""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        found = self.path == "/owner/model/resolve/v1/onnx/m.onnx"
        data = WEIGHTS if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(WEIGHTS).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_a_revision_is_fetched_and_checked(tmp_path: Path) -> None:
    assert fetch(SOURCE, tmp_path).read_bytes() == WEIGHTS


def test_another_hash_than_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PullError, match="do not use it"):
        fetch(HubFile(SOURCE.repository, SOURCE.revision, SOURCE.file, "0" * 64), tmp_path)


def test_a_file_that_the_hub_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(PullError, match="owner/model could not be downloaded"):
        fetch(HubFile(SOURCE.repository, SOURCE.revision, "other.onnx", SOURCE.sha256), tmp_path)


def test_without_the_client_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PullError, match="install the package huggingface_hub"):
        fetch(SOURCE, tmp_path)
