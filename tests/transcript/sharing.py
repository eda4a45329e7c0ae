"""Files for rooms and for one person, folders: sent, offered, fetched, looked at, deleted."""

from __future__ import annotations

from random import Random
from zlib import compress, crc32

from tests.transcript.stage import SERVER, Sees, Stage


async def play(stage: Stage) -> None:
    """A file for everybody, one for one person, a folder."""
    await stage.serve()
    await stage.gather("annabel", "benedict", "carla")
    await _room(stage)
    await _private(stage)
    await _folder(stage)
    await _delete(stage)


async def _room(stage: Stage) -> None:
    stage.scene("room")
    stage.write_bytes("annabel", "harbour.png", picture(64, 48))
    await stage.step("annabel", "/put harbour.png", sent("annabel", "harbour.png"), in_any_order=True)
    await stage.step("benedict", "/files", {"benedict": "1 file"})
    await stage.step("benedict", "/get harbour.png", has("benedict", "annabel", "harbour.png"), in_any_order=True)
    await stage.step("carla", "/files", {"carla": "1 file"})
    await stage.step("annabel", "/file harbour.png", {"annabel": "benedict: verified"})


async def _private(stage: Stage) -> None:
    stage.scene("private")
    stage.write("annabel", "plan of the party.txt", "cake, then a song\n")
    stage.write("annabel", "guests.txt", "everybody but carla\n")
    sees: Sees = {"annabel": ("uploaded", "@private"), "benedict": "offers you", SERVER: "uploaded"}
    await stage.step("annabel", "/put plan of the party.txt to:benedict", sees, in_any_order=True)
    await stage.step("annabel", "/send benedict guests.txt", sees, in_any_order=True)
    await stage.step("carla", "/files", {"carla": "1 file"})
    await stage.step("carla", "/get guests.txt", {"carla": "no file"})
    await stage.step(
        "benedict", "/accept plan of the party.txt", has("benedict", "annabel", "plan of the"), in_any_order=True
    )
    await stage.step(
        "benedict",
        "/decline",
        {"benedict": "is told", "annabel": "does not want", SERVER: ("does not want", "deleted")},
        in_any_order=True,
    )
    await stage.step("annabel", "/files", {"annabel": "2 files"})


async def _folder(stage: Stage) -> None:
    stage.scene("folder")
    random = Random(5)
    for number in range(1, 4):
        stage.write_bytes("carla", f"trip/day {number}/notes.txt", f"day {number}\n".encode())
    stage.write_bytes("carla", "trip/map.bin", random.randbytes(20_000))
    (stage.home("carla") / "trip" / "day 4").mkdir()
    (stage.home("carla") / "trip" / "password").symlink_to("/etc/hosts")
    await stage.step("carla", "/put trip", sent("carla", "trip"), in_any_order=True)
    await stage.step("annabel", "/files trip/", {"annabel": "8 members"})
    await stage.step("annabel", '/get "trip/day 2/notes.txt"', {"annabel": "downloaded", SERVER: "downloaded"})
    await stage.run("benedict", "get", "trip", "{}", "--name", "benedict", "--to", "album")
    await stage.see({"carla": "benedict has trip", SERVER: "benedict downloaded trip"})
    await stage.run("benedict", "get", "trip", "{}", "--name", "benedict", "--to", "album")
    await stage.see({SERVER: "benedict downloaded trip"})


async def _delete(stage: Stage) -> None:
    stage.scene("delete")
    await stage.step("benedict", "/delete trip", {"benedict": "only the owner"})
    await stage.step("carla", "/delete trip", {"carla": "deleted", SERVER: "carla deleted"})
    await stage.run("carla", "ls", "{}", "--name", "carla", "--long")


def sent(name: str, file_name: str) -> Sees:
    """What is seen when a file or folder was sent to everybody."""
    others = " ".join(each for each in ("annabel", "benedict", "carla") if each != name)
    return {others: f"{name} sent", name: ("uploaded", f"{name} sent"), SERVER: f"uploaded {file_name}"}


def has(name: str, owner: str, file_name: str) -> Sees:
    """What is seen when somebody fetches a file."""
    return {name: "downloaded", owner: f"{name} has {file_name}", SERVER: f"{name} downloaded"}


def picture(width: int, height: int) -> bytes:
    """A blue PNG, not compressed: the same bytes everywhere."""
    rows = b"".join(b"\0" + b"\x20\x40\x80" * width for _ in range(height))
    chunks = (
        (b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"),
        (b"IDAT", compress(rows, 0)),
        (b"IEND", b""),
    )
    shown = (
        len(body).to_bytes(4, "big") + kind + body + crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(shown)
