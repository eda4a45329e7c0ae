"""Makes captures/ anew: python -m tests.captures.make

Every file is what one `udpchat simulate` command writes, byte for byte; the table says which, and what there is to see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from udpchat.config import Config
from udpchat.lab.experiment import Experiment
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.main import make_app
from udpchat.ui.cli.options import parse_size

FOLDER: Final = Path(__file__).parents[2] / "captures"
COMMON: Final = "--text --rate 1M --delay 20ms"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a capture is made.

    words: what follows `udpchat simulate`, but for the names of the files. has_keylog: a key log is written too.
    """

    name: str
    words: str
    title: str
    shows: str
    has_keylog: bool = False

    def command(self, folder: str = "") -> str:
        """What a user types, to get the files into the folder."""
        files = f"--capture {folder}{self.name}.pcapng"
        if self.has_keylog:
            files += f" --keylog {folder}{self.name}.keylog"
        return f"udpchat simulate {self.words} {files}"

    @property
    def files(self) -> list[str]:
        """Names of what is made."""
        return [f"{self.name}.pcapng", *([f"{self.name}.keylog"] if self.has_keylog else [])]

    @property
    def experiment(self) -> Experiment:
        """What both ends do; the link is that of an end alone."""
        words = self.words.split()
        config = Config(
            plaintext="--plaintext" in words,
            arq=self._option("arq", "selective-repeat"),
            window=int(self._option("window", "0")),
            congestion=self._option("congestion", "bbr"),
        )
        return Experiment(
            link=LinkSpec(),
            size=parse_size(self._option("size", "")),
            direction="down" if self._option("direction", "up") == "down" else "up",
            text="--text" in words,
            seed=int(self._option("seed", "0")),
            config=config,
        )

    @property
    def has_one_user(self) -> bool:
        """Nobody but alice, who does nothing but move a file."""
        return not {"--chat", "--clients", "--rejoin"} & set(self.words.split())

    def _option(self, name: str, default: str) -> str:
        words = self.words.split()
        return words[words.index(f"--{name}") + 1] if f"--{name}" in words else default


RECIPES: Final = (
    Recipe(
        "clean-seed1",
        f"--size 8K {COMMON} --seed 1",
        "Nothing goes wrong",
        "Three round trips until the user is in: HELLO and COOKIE, HELLO with the cookie and REPLY, JOIN and WELCOME "
        "in sealed MSG packets. A PROBE finds the largest datagram of the path, then DATA with an ACK for each. Packet "
        "numbers only grow.",
    ),
    Recipe(
        "handshake-rejoin-seed5",
        "--size 0 --rate 1M --delay 20ms --rejoin --seed 5",
        "Joining, leaving, and joining again with a token",
        "First HELLO, COOKIE, HELLO with the cookie, REPLY: the server keeps nothing until the client has shown that "
        "it is where it says. WELCOME brings a token, so the second time HELLO is answered by REPLY at once. In "
        "between both say CLOSE; what comes after that is answered with RESET.",
        has_keylog=True,
    ),
    Recipe(
        "handshake-loss25-seed5",
        "--size 0 --rate 1M --delay 20ms --loss 25% --seed 5",
        "A handshake on a very bad line",
        "Each HELLO that brings no answer is repeated after 300 ms, then after half as much again, with the same "
        "attempt id. The file is empty.",
    ),
    Recipe(
        "loss10-seed11",
        f"--size 15K {COMMON} --loss 10% --seed 11",
        "One packet in ten is lost",
        "A loss shows as a gap in the ranges of the ACKs, and is repaired by a retransmission: the same transfer and "
        "offset under a new packet number. Compare the two interfaces: what the client sent with the comment "
        "`dropped=loss` is missing at the server.",
    ),
    Recipe(
        "loss10-bursts-seed6",
        f"--size 10K {COMMON} --loss 10% --burst 4 --seed 6",
        "Losses come in runs",
        "As many losses, but several in a row: wide gaps in the ACKs, and retransmissions back to back.",
    ),
    Recipe(
        "download-loss10-seed15",
        f"--size 10K {COMMON} --direction down --loss 10% --seed 15",
        "A download over a lossy line",
        "The same from the other side: the server sends DATA, the client acknowledges. The two directions count their "
        "packets apart.",
    ),
    Recipe(
        "reorder-seed1",
        f"--size 10K {COMMON} --reorder 15% --seed 1",
        "Packets overtake one another",
        "Numbers that arrive late after higher ones. A packet counts as lost when three later ones were acknowledged, "
        "so some are sent again although nothing was lost: spurious retransmissions. Once a late original shows that "
        "the path reorders, the sender waits longer.",
    ),
    Recipe(
        "duplicate-seed2",
        f"--size 8K {COMMON} --duplicate 20% --seed 2",
        "Packets arrive twice",
        "The same packet number twice at the receiver: the second is dropped before anything else is looked at.",
    ),
    Recipe(
        "corrupt-seed12",
        f"--size 8K {COMMON} --corrupt 10% --plaintext --seed 12",
        "Packets arrive damaged",
        "Plaintext, so the checksum in the trailer tells which: switch on its verification. A damaged packet is as "
        "good as lost, and what it carried is sent again.",
    ),
    Recipe(
        "rebind-seed8",
        f"--size 13K {COMMON} --rebind 120ms --seed 8",
        "The client's address changes in mid-transfer",
        "A NAT that forgets: every 120 ms the client has another port. The connection id stays, so the session goes "
        "on; the server sends CHALLENGE to an address that is new, and believes it when RESPONSE comes back.",
    ),
    Recipe(
        "black-hole-seed9",
        f"--size 14K {COMMON} --mtu 1300 --mtu-from 210ms --seed 9",
        "Large packets suddenly vanish, small ones pass",
        "A PROBE of 1,472 bytes is acknowledged and DATA has that size, until the path takes no IP packet above 1,300 "
        "bytes and says nothing. When large packets are lost while smaller ones arrive, the sender goes back to 1,200 "
        "bytes, repeats what was lost, and probes again.",
    ),
    Recipe(
        "blackout-seed1",
        f"--size 10K {COMMON} --blackout 250ms+600ms --seed 1",
        "Nothing passes for 0.6 seconds",
        "Silence, into which the sender sends probes (comment `sent=probe`), each after twice the time of the one "
        "before. The first one that is answered sets everything going again.",
    ),
    Recipe(
        "queue-newreno-seed1",
        f"--size 12K {COMMON} --queue 4 --congestion newreno --seed 1",
        "The queue of a router overflows",
        "Losses with `dropped=queue`: NewReno sends a whole window into a queue of four packets. Some do not fit, and "
        "it halves the window. See cwnd in the comments.",
    ),
    Recipe(
        "go-back-n-seed3",
        f"--size 9K {COMMON} --arq go-back-n --window 6 --loss 8% --seed 3",
        "Go-Back-N",
        "After a loss everything from it on is sent again, also what had arrived.",
    ),
    Recipe(
        "stop-and-wait-seed3",
        f"--size 8K {COMMON} --arq stop-and-wait --loss 10% --seed 3",
        "Stop-and-wait",
        "One DATA packet, one ACK, one round trip; a loss costs a whole timeout.",
    ),
    Recipe(
        "plaintext-seed2",
        f"--size 6K {COMMON} --plaintext --loss 8% --seed 2",
        "A session that anybody can read",
        "Every record is readable: JOIN, WELCOME, OPEN, OPENED, COMMIT, COMMITTED, SHARED, and the lines of the file.",
    ),
    Recipe(
        "sealed-seed2",
        f"--size 6K {COMMON} --loss 8% --seed 2",
        "The same session sealed, with its keys",
        "The same packets as in plaintext-seed2, of the same sizes. Without the key log only headers, offsets and ACKs "
        "can be read; with it everything.",
        has_keylog=True,
    ),
    Recipe(
        "chat-room-seed74",
        "--size 1K --text --rate 1M --delay 60ms --clients 3 --chat 3 --loss 5% --seed 74",
        "Three people in a room, who also send files",
        "Three connections. SAY goes to the server, SAID confirms it, LINE brings it to the others; PRESENCE tells who "
        "came. Chat does not wait behind the files. The last packet of a conversation is sent twice (`sent=copy`).",
        has_keylog=True,
    ),
)

HEAD: Final = """\
# Captures

Small captures to look at, to learn from and to test with. Nothing in them was taken from a real network: each is made
by `udpchat simulate`, in virtual time that begins on 2001-01-01, from a seed. The same command gives the same file,
byte for byte; `python -m tests.captures.make` makes all of them anew, and this page.

Every file has both points of view, as two interfaces: `client` and `server`. A datagram that arrives is there twice,
one that was lost only where it left, with a comment that says why (`dropped=loss`). Comments of sent packets say why
they were sent (`sent=first`, `retransmission`, `probe`, `copy`) and what the sender knew: congestion window, bytes in
flight, smoothed round-trip time. docs/wireshark.md tells how to see all this in Wireshark. To look at one end alone,
filter by `frame.interface_name == "client"`.

Files with a `.keylog` beside them are sealed sessions that can be opened: name it in the preferences of the protocol.
The sessions are of nobody, and so are the keys.
"""


def page() -> str:
    """README.md of the folder."""
    parts = [HEAD]
    for recipe in RECIPES:
        files = ", ".join(f"`{name}`" for name in recipe.files)
        parts.append(f"## {recipe.title}\n\n{files}\n\n    {recipe.command()}\n\n{recipe.shows}\n")
    return "\n".join(parts)


def make(recipe: Recipe, folder: Path) -> None:
    """Run the command of a recipe."""
    result = CliRunner().invoke(make_app(), recipe.command(f"{folder}/").split()[1:], catch_exceptions=False)
    if result.exit_code:
        raise RuntimeError(f"{recipe.command()}: {result.output}")


def main() -> None:
    """Write captures/ anew."""
    FOLDER.mkdir(exist_ok=True)
    for recipe in RECIPES:
        make(recipe, FOLDER)
    (FOLDER / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
