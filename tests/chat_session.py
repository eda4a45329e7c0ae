"""Real servers and clients talk; what is on their screens is the transcript in docs/chat.md.

`python -m tests.chat_session` prints it, `python -m tests.chat_session talking limits` parts of it, and
`python -m tests.chat_session --update` writes it into the page.
"""

from __future__ import annotations

from typing import Final

from tests.transcript import accounts, coming_back, commands, history, limits, talking
from tests.transcript.page import Page, main

PAGE: Final = Page(
    "chat.md",
    {
        "talking": talking.play,
        "accounts": accounts.play,
        "history": history.play,
        "limits": limits.play,
        "commands": commands.play,
        "coming_back": coming_back.play,
    },
)

if __name__ == "__main__":
    main(PAGE, "tests.chat_session", __doc__)
