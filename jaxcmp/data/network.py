"""Whether a server answers, known within seconds."""

import threading
import urllib.error
import urllib.request


def is_reachable(url: str, *, seconds: float = 5.0) -> bool:
    """Asks the server for the header of a page and waits at most `seconds` for any answer.

    Proxies set in the environment are used, as they are for a download.
    """
    answered = threading.Event()
    done = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            answered.set()
        except urllib.error.HTTPError:
            answered.set()  # A refusal is an answer too.
        except (OSError, ValueError):
            pass
        finally:
            done.set()

    # A name lookup knows no timeout, so it is left behind in a thread when time is up.
    threading.Thread(target=ask, daemon=True).start()
    done.wait(seconds)
    return answered.is_set()
