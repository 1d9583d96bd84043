"""A local model hub, which speaks as much of the protocol as a download needs."""

import contextlib
import dataclasses
import hashlib
import http.server
import json
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from servers import serving


@dataclasses.dataclass
class Repository:
    """Commits, each with its files; branches and tags.

    `access` is open, gated or private; any other word is the status of every answer.
    """

    commits: Mapping[str, Mapping[str, bytes]]
    branches: dict[str, str]
    access: str = "open"

    def commit_of(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.branches.get(revision)


@dataclasses.dataclass
class Hub:
    """A hub that is served; `requests` has a line for each that it answered.

    `damaged` are bytes that the storage serves in place of others, by the SHA-256 of these.
    """

    repositories: Mapping[str, Repository]
    url: str = ""
    requests: list[str] = dataclasses.field(default_factory=list)
    damaged: dict[str, bytes] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def serving_hub(repositories: Mapping[str, Repository]) -> Iterator[Hub]:
    hub = Hub(repositories)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(hub, self)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as hub.url:
        yield hub


def answer(hub: Hub, request: http.server.BaseHTTPRequestHandler) -> None:
    """Answers one request for a list of files, for a file, or for what the storage holds."""
    path = urlsplit(request.path).path
    hub.requests.append(f"{request.command} {path}")
    if path.startswith("/storage/"):
        wanted = path.removeprefix("/storage/")
        repositories = hub.repositories.values()
        commits = [files for each in repositories for files in each.commits.values()]
        stored = {sha256(each): each for files in commits for each in files.values()}
        send(request, 200, {}, hub.damaged.get(wanted) or stored[wanted])
        return
    is_api = path.startswith("/api/models/")
    parts = path.removeprefix("/api/models" if is_api else "").split("/")[1:]
    # A slash in the name of a branch or of a file stands there as %2F.
    name, kind, rest = "/".join(parts[:2]), parts[2:3], list(map(unquote, parts[3:]))
    repository = hub.repositories.get(name)
    if repository is None or (repository.access == "private" and kind):
        # So answers the public hub too: nobody learns which names exist.
        send(request, 401, {"X-Error-Code": "RepoNotFound"})
        return
    if repository.access.isdecimal():
        send(request, int(repository.access), {})
        return
    if kind == ["revision"] and is_api:
        commit = repository.commit_of("/".join(rest))
        if commit is None:
            send(request, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [{"rfilename": file} for file in repository.commits[commit]]
        listed = {"id": name, "sha": commit, "siblings": siblings}
        send(request, 200, {"Content-Type": "application/json"}, json.dumps(listed).encode())
        return
    send_file(request, repository, rest)


def send_file(
    request: http.server.BaseHTTPRequestHandler, repository: Repository, rest: list[str]
) -> None:
    """Sends a file, or names the place of a large one."""
    commit, file = repository.commit_of(rest[0]), "/".join(rest[1:])
    if repository.access == "gated":
        send(request, 403, {"X-Error-Code": "GatedRepo"})
    elif commit is None:
        send(request, 404, {"X-Error-Code": "RevisionNotFound"})
    elif file not in repository.commits[commit]:
        send(request, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
    else:
        content = repository.commits[commit][file]
        # Git keeps small files itself; of larger ones it has the SHA-256 and the size.
        git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git}"'}
        if len(content) < 100:
            send(request, 200, headers, content)
            return
        headers["X-Linked-Etag"] = f'"{sha256(content)}"'
        headers["X-Linked-Size"] = str(len(content))
        # A client asks another host, as a hub's storage is, without what it knows of the hub.
        host = request.headers["Host"].replace("127.0.0.1", "localhost")
        place = f"http://{host}/storage/{sha256(content)}"
        send(request, 302, headers | {"Location": place})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def send(
    request: http.server.BaseHTTPRequestHandler,
    status: int,
    headers: Mapping[str, str],
    content: bytes = b"",
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(content)
