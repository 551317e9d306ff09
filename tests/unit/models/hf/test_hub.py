"""Models of the hub: from its cache without network, and what a hub says when it will not give."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants
from local_models import request

from unisafebench.core.errors import UsageError
from unisafebench.models.registry import resolve

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _cached(hub: Path, model: Path) -> None:
    """Lay a model into the hub's cache as a download of `main` would have."""
    home = hub / "models--organisation--model"
    shutil.copytree(model, home / "snapshots" / _COMMIT)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(_COMMIT)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache of the hub, used in place of the user's own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


async def test_a_cached_model_runs_without_network_and_names_its_commit(
    hub: Path, language_model: Path
) -> None:
    """The branch is resolved to the commit that it stands for, in the record and the settings."""
    _cached(hub, language_model)
    for options in ({}, {"revision": "main"}, {"revision": _COMMIT}):
        model = resolve("hf/organisation/model", {"device": "cpu", "max_tokens": "4", **options})
        output = await model.generate(request("Abc"))
        await model.aclose()
        assert output.served_model == f"organisation/model@{_COMMIT}"
        assert model.settings["model"] == output.served_model


def test_what_is_not_in_the_cache_is_said_with_its_revision(
    hub: Path, language_model: Path
) -> None:
    """Without network a name or revision that is not there cannot be told from one that is not."""
    _cached(hub, language_model)
    for name, options, wanted in (
        ("hf/organisation/other", {}, "organisation/other is not in"),
        ("hf/organisation/model", {"revision": "v2"}, "organisation/model at revision 'v2' is not"),
    ):
        with pytest.raises(UsageError, match="the hub cannot be reached") as caught:
            resolve(name, options)
        assert wanted in str(caught.value)


@contextmanager
def _refusing_hub(code: str, status: int) -> Iterator[str]:
    """Run a hub that answers everything with one error, as the real one words it: by a header."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 -- the name that the server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        (
            "RepoNotFound",
            401,
            "there is no model 'organisation/model' on the hub, or it is private",
        ),
        ("RevisionNotFound", 404, "organisation/model has no revision 'v2'"),
        ("GatedRepo", 403, "access to organisation/model must be granted by its authors"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_the_hub_refuses_is_one_clear_message(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int, says: str
) -> None:
    """No such model, no such revision, no access: told apart by the hub's own error code."""
    with _refusing_hub(code, status) as address:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        with pytest.raises(UsageError) as caught:
            resolve("hf/organisation/model", {"revision": "v2"})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
