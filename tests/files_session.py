"""Real servers and clients share files; what is on their screens is the transcript in docs/files.md.

`python -m tests.files_session` prints it, `python -m tests.files_session sharing` a part of it, and
`python -m tests.files_session --update` writes it into the page.
"""

from __future__ import annotations

from typing import Final

from tests.transcript import going_on, sharing
from tests.transcript.page import Page, main

PAGE: Final = Page("files.md", {"sharing": sharing.play, "going_on": going_on.play})

if __name__ == "__main__":
    main(PAGE, "tests.files_session", __doc__)
