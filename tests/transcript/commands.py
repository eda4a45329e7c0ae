"""Commands: help, slips, the words of older systems, names with spaces."""

from __future__ import annotations

from tests.transcript.stage import ALL, SERVER, Stage


async def play(stage: Stage) -> None:
    """Help and slips, then an older system's words, then a menu's."""
    await stage.serve()
    await stage.gather("annabel", "benedict", "carla", options={"carla": ("--menu",), "benedict": ("--tilde",)})
    await _help(stage)
    await _older(stage)
    await _menu(stage)


async def _help(stage: Stage) -> None:
    stage.scene("commands")
    await stage.step("annabel", "/help get", {"annabel": "also:"})
    await stage.step("annabel", "/hsitory", {"annabel": "did you mean"})
    await stage.step("annabel", "/whisper benedict hi", {"annabel": "did you mean"})
    await stage.step("annabel", "/msg benedict", {"annabel": "write /msg"})
    await stage.step("annabel", "!usres", {"annabel": "did you mean"})
    await stage.step("annabel", "//help shows the commands", {ALL: "/help shows"})


async def _older(stage: Stage) -> None:
    stage.scene("older")
    stage.write("benedict", "会议 notes.txt", "three of us\n")
    stage.write("benedict", 'my "quoted" \\ name.txt', "backslashes too\n")
    await stage.step("benedict", "!howmany", {"benedict": "3 users"})
    await stage.step("benedict", "!users", {"benedict": "3 users"})
    await stage.step("benedict", "!ft")
    await _upload(stage, "benedict", "会议 notes.txt", "会议 notes.txt")
    await _upload(stage, "benedict", '/file upload my "quoted" \\ name.txt', 'my "quoted" \\ name.txt')
    await stage.step("annabel", "!ls", {"annabel": "2 files"})
    has = {"annabel": "downloaded", "benedict": "annabel has", SERVER: "downloaded"}
    await stage.step("annabel", "!get 会议 notes.txt", has)
    await stage.step("annabel", '/file download my "quoted" \\ name.txt', has)
    await stage.step("annabel", "/lls", {"annabel": "files here"})
    await stage.step("benedict", "see you at noon~annabel", {"annabel benedict": "see you", SERVER: "@private"})
    await stage.step("benedict", "!bye", {f"annabel carla {SERVER}": "benedict left"}, ends="benedict")


async def _menu(stage: Stage) -> None:
    stage.scene("menu")
    stage.write("carla", "photos/2026/the harbour.txt", "blue\n")
    await stage.step("carla", "ls-l", {"carla": "1 file here"})
    await stage.step("carla", "u")
    await _upload(stage, "carla", "photos/2026/the harbour.txt", "the harbour.txt")
    await stage.step("carla", "ls", {"carla": "3 files"})
    await stage.step("carla", "d")
    await stage.step("carla", "会议 notes.txt", {"carla": "downloaded", SERVER: "downloaded"})
    await stage.step("carla", "c")
    await stage.step("carla", "the harbour is there", {ALL: "the harbour is"})
    await stage.step("carla", "q", {f"annabel {SERVER}": "carla left"}, ends="carla")


async def _upload(stage: Stage, name: str, typed: str, file_name: str) -> None:
    sees: dict[str, str | tuple[str, ...]] = {
        "annabel carla": f"sent the file {file_name}",
        name: (f"sent the file {file_name}", f"uploaded {file_name}"),
        SERVER: "uploaded",
    }
    await stage.step(name, typed, sees, in_any_order=True)
