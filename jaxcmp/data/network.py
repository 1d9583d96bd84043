"""A quick test whether a server answers."""

import threading
import urllib.error
import urllib.request


def is_reachable(url: str, *, seconds: float = 5.0) -> bool:
    """Returns whether the server answers a request within `seconds`, even with a refusal.

    Uses the proxies that are set in the environment, as a download does.
    """
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            pass

    # A name lookup has no timeout, so it runs in a thread that is abandoned in the end.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()
