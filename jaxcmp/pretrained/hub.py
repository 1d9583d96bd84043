"""Weights of a model hub: found in the cache of huggingface_hub, or else downloaded once."""

import contextlib
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from absl import logging

from jaxcmp.errors import CommandError, JaxcmpError, first_line
from jaxcmp.pretrained.weight_files import PICKLE_SUFFIXES
from jaxcmp.settings.hub_address import HubAddress

SUFFIX = ".safetensors"
# The name that publishers give to the only file, and those of files that hold a part each.
USUAL = f"model{SUFFIX}"
PART = re.compile(r"-\d+-of-\d+\.safetensors$")
DEFAULT_BRANCH = "main"
TIMEOUT_SECONDS = 10.0
# In the cache a file is named by its digest: SHA-256, or that of Git for a small one.
SHA256_LENGTH, GIT_LENGTH = 64, 40


class NoChoiceError(Exception):
    """No file of a repository, or not one alone, is the one that holds its weights."""


class HubFile(NamedTuple):
    """A file of a hub in the cache; `address` names its commit and the file."""

    path: Path
    address: HubAddress


def fetch(address: HubAddress) -> HubFile:
    """Returns the file that an address names, without a request to the hub if the cache has it.

    A branch means the commit that it was at the first download. HF_ENDPOINT, HF_HOME, HF_TOKEN and
    HF_HUB_OFFLINE mean what they mean to the library. Raises CommandError for a repository, a
    revision or a file that does not exist, is not ours to read, or is of no use, and JaxcmpError
    for a hub that does not answer and for a file that is damaged; each is one line.
    """
    try:
        import huggingface_hub as hub
    except ImportError as error:
        raise CommandError(
            f"--config.init.path={address} needs huggingface_hub: pip install 'jaxcmp[hub]'"
        ) from error
    if address.file and not address.file.endswith(SUFFIX):
        raise CommandError(f"--config.init.path={address} {_why_not(address.file)}")
    try:
        path = _find(hub, address) or _download(hub, address)
    except Exception as error:  # The library and those below it raise nearly anything.
        raise _explain(hub, error, address) from error
    commit, file = _place(path)
    sha256 = _check(path, pinned := HubAddress(address.repository, commit, file))
    logging.info("weights: %s, SHA-256 %s", pinned, sha256)
    return HubFile(path, pinned)


def choose(names: Sequence[str]) -> str:
    """Returns the file of a repository that holds its weights, where no address names one.

    Raises NoChoiceError, which says what is wrong and what would be right, where there is no such.
    """
    files = sorted(name for name in names if name.endswith(SUFFIX))
    whole = [name for name in files if not PART.search(name)]
    if USUAL in whole or len(whole) == 1:
        return USUAL if USUAL in whole else whole[0]
    if whole:
        raise NoChoiceError(
            f"has several files of weights: name one, as :{whole[0]}, of {_list(whole)}"
        )
    if files:
        raise NoChoiceError(
            f"has its weights in {len(files)} parts, which are not read: choose a repository that "
            f"has them in one {SUFFIX} file"
        )
    pickles = sorted(name for name in names if name.endswith(PICKLE_SUFFIXES))
    if pickles:
        raise NoChoiceError(
            f"has no {SUFFIX} file, only {_list(pickles)}: a pickle, which can run any code when "
            "it is read, and is not opened; choose a repository or a revision with one"
        )
    raise NoChoiceError(f"has no {SUFFIX} file: choose a repository or a revision with one")


def _why_not(file: str) -> str:
    """Says why a file is not downloaded."""
    if file.endswith(PICKLE_SUFFIXES):
        return f"names a pickle, which can run any code when it is read: name a {SUFFIX} file"
    return f"must name a {SUFFIX} file"


def _list(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _find(hub: ModuleType, address: HubAddress) -> Path | None:
    """Returns the file in the cache; without a name, the usual one.

    Or the only one there is, if it is known that the repository lacks the usual one.
    """
    revision = address.revision or DEFAULT_BRANCH
    found = hub.try_to_load_from_cache(address.repository, address.file or USUAL, revision=revision)
    if isinstance(found, str):
        return Path(found)
    is_lacking = found is not None
    if address.file or not is_lacking:
        return None
    try:
        repositories = hub.scan_cache_dir(hub.constants.HF_HUB_CACHE).repos
    except hub.CacheNotFound:
        return None
    paths = {
        file.file_path.relative_to(each.snapshot_path).as_posix(): file.file_path
        for repository in repositories
        if (repository.repo_type, repository.repo_id) == ("model", address.repository)
        for each in repository.revisions
        if revision in (each.commit_hash, *each.refs)
        for file in each.files
    }
    try:
        return paths[choose(list(paths))]
    except NoChoiceError:  # The rest may not be here yet.
        return None


def _download(hub: ModuleType, address: HubAddress) -> Path:
    """Downloads the file; its revision is noted in the cache, for the next time."""
    api = hub.HfApi()
    # A bar of many lines in a file is no help.
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    revision = address.revision or DEFAULT_BRANCH
    # Asked even for a file that has a name: without a network this fails at once, while the
    # download would try again for 20 s.
    listed = api.model_info(address.repository, revision=revision, timeout=TIMEOUT_SECONDS)
    file = address.file or choose([each.rfilename for each in listed.siblings or ()])
    if file != (address.file or USUAL):
        # The library notes in its cache that there is none, so that `_find` needs no network.
        with contextlib.suppress(hub.errors.EntryNotFoundError):
            api.hf_hub_download(address.repository, USUAL, revision=revision)
    logging.info("%s: downloading %s", address, file)
    return Path(api.hf_hub_download(address.repository, file, revision=revision))


def _explain(hub: ModuleType, error: Exception, address: HubAddress) -> JaxcmpError:
    """Says in one line what to do about an error of a download."""
    errors, name = hub.errors, f"--config.init.path={address}"
    # Behind "it is not in the cache either" stands what the hub had answered.
    cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
    error = cause if isinstance(cause, Exception) else error
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return CommandError(
            f"{name} is gated: accept its terms on its page, and set HF_TOKEN to a token of yours"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return CommandError(
            f"{name} is not found: check the name; for a private repository, set HF_TOKEN to a "
            "token that may read it"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return CommandError(f"{name}: the repository has no branch, tag or commit of that name")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return CommandError(f"{name}: the repository has no such file at that revision")
    if status in (401, 403):
        return CommandError(f"{name} may not be read ({status}): set HF_TOKEN to a token that may")
    if isinstance(error, NoChoiceError):
        return CommandError(f"{name} {error}")
    reason = first_line(error)
    if isinstance(error, errors.HFValidationError):
        return CommandError(f"{name} is no address: {reason}")
    # Of other errors of the system, such as a full disk, the hub knows nothing.
    if not isinstance(error, ConnectionError | TimeoutError | errors.HTTPError):
        return JaxcmpError(f"{name} could not be downloaded: {reason}")
    return JaxcmpError(
        f"{name} is not in the cache and the hub does not serve it ({reason}): download it once "
        "with a network, without HF_HUB_OFFLINE, or name a file that is there, as :NAME.safetensors"
    )


def _place(path: Path) -> tuple[str, str]:
    """Returns commit and name of a file in the cache: .../snapshots/COMMIT/NAME."""
    parts = path.parts
    index = len(parts) - 1 - parts[::-1].index("snapshots")
    return parts[index + 1], "/".join(parts[index + 2 :])


def _check(path: Path, address: HubAddress) -> str:
    """Returns the SHA-256 of a file; raises JaxcmpError if it is not what the hub says it is."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    stored = path.resolve()
    named = stored.name
    if len(named) == SHA256_LENGTH:
        is_sound = named == sha256
    elif len(named) == GIT_LENGTH:
        content = path.read_bytes()
        header = f"blob {len(content)}\0".encode()
        is_sound = named == hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
    else:
        is_sound = True
    if not is_sound:
        raise JaxcmpError(
            f"{address} is damaged: its check sum is not {named}, as the hub says; delete "
            f"{stored}, and it is downloaded again"
        )
    return sha256
