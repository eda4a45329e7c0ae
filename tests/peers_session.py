"""Three real nodes share folders; what is on their screens is the walk-through in docs/peers.md.

`python -m tests.peers_session` prints it, `python -m tests.peers_session nodes` a part of it, and
`python -m tests.peers_session --update` writes it into the page.
"""

from __future__ import annotations

from typing import Final

from tests.transcript import nodes
from tests.transcript.page import Page, main

PAGE: Final = Page("peers.md", {"nodes": nodes.play})

if __name__ == "__main__":
    main(PAGE, "tests.peers_session", __doc__)
