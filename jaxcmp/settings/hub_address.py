"""The address of weights on a model hub: hf:OWNER/NAME, then @REVISION and :FILE if needed."""

import re
from typing import NamedTuple

from jaxcmp.errors import CommandError

START = "hf:"
FORM = "hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME@REVISION:FILE"
NAME = r"[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?"
ADDRESS = re.compile(
    rf"hf:(?P<repository>{NAME}/{NAME})(?:@(?P<revision>[\w./-]+))?(?::(?P<file>[\w./ -]+))?",
    re.ASCII,
)
COMMIT = re.compile(r"[0-9a-f]{40}")
# As many digits of a commit as tell it apart for a reader.
SHORT = 12


class HubAddress(NamedTuple):
    """A repository of a model hub, and which file of which of its commits; empty: not said.

    `revision` is a branch, a tag or a commit.
    """

    repository: str
    revision: str = ""
    file: str = ""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{START}{self.repository}{revision}{f':{self.file}' if self.file else ''}"

    @property
    def short(self) -> str:
        """Returns the repository and the first digits of the commit, for a table."""
        is_commit = COMMIT.fullmatch(self.revision)
        revision = self.revision[:SHORT] if is_commit else self.revision
        return str(HubAddress(self.repository, revision))


def is_hub_address(text: str) -> bool:
    """Returns whether a path is meant as an address of a hub, a right one or a wrong one."""
    return text.startswith(START)


def parse_address(text: str, name: str = "init.path") -> HubAddress:
    """Splits an address; raises CommandError, which names the setting, for a wrong one."""
    match = ADDRESS.fullmatch(text)
    parts = [] if match is None else "/".join(filter(None, match.groups())).split("/")
    if match is None or not parts or {"", ".", ".."} & set(parts):
        raise CommandError(f"--config.{name}={text[:80]} must be {FORM}")
    return HubAddress(match["repository"], match["revision"] or "", match["file"] or "")
