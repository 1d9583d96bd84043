"""The command `jaxcmp`, whose first word names what to do: `jaxcmp train --config=vit:digits`."""

import sys

from jaxcmp.runtime import entry_points


def main() -> None:
    """Starts the command that was typed; raises SystemExit with its exit code."""
    entry_points.start(sys.argv[1:])


if __name__ == "__main__":
    main()
