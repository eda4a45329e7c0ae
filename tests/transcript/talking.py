"""Lines to everybody, rooms, and private lines, over a network that loses packets and changes addresses."""

from __future__ import annotations

from tests.transcript.stage import ALL, SERVER, Stage

PASSWORD = "a long sentence is best"


async def play(stage: Stage) -> None:
    """Messages, rooms, private lines."""
    await _prepare(stage)
    await _messages(stage)
    await _rooms(stage)
    await _private(stage)


async def _prepare(stage: Stage) -> None:
    stage.scene("beginning")
    await stage.serve(shown=True)
    await stage.relay("--loss", "3%", "--rebind", "2s", "--seed", "7")
    await stage.join("annabel", sees={"annabel": "1 user is here", SERVER: "annabel joined"})
    await stage.join("benedict", sees={"benedict": "2 users are here", f"annabel {SERVER}": "benedict joined"})
    await stage.join("carla", sees={"carla": "3 users are here", f"annabel benedict {SERVER}": "carla joined"})
    await stage.step("carla", "/count", {"carla": "3 users"})


async def _messages(stage: Stage) -> None:
    stage.scene("messages")
    await stage.step("carla", "hello everybody, 你好", {ALL: "hello everybody"})
    await stage.step("annabel", "hello carla", {ALL: "hello carla"})
    await stage.ask_until("carla", "/status", "delivered")
    await stage.step("benedict", "/register")
    await stage.step("benedict", PASSWORD, secret=True)
    await stage.step("benedict", PASSWORD, {"benedict": "registered", SERVER: "registered"}, secret=True)
    await stage.step("benedict", "/quit", {f"annabel carla {SERVER}": "benedict left"}, ends="benedict")
    await stage.step(
        "annabel",
        "/msg benedict the slides are on the server",
        {"annabel": ("your line waits", "benedict: the slides"), SERVER: "@private"},
        in_any_order=True,
    )
    await stage.ask_until("annabel", "/status", "delivered", "waits")
    await stage.join(
        "benedict",
        sees={
            "benedict": ("3 users", "the slides"),
            "annabel": ("benedict joined", "benedict has got"),
            f"carla {SERVER}": "benedict joined",
        },
    )


async def _rooms(stage: Stage) -> None:
    stage.scene("rooms")
    await stage.step(
        "annabel", "/create games chess on Friday", {"annabel": "you are in #games", SERVER: "annabel entered"}
    )
    await stage.step("benedict", "/rooms", {"benedict": "games", "annabel": "benedict has read"})
    await stage.step("benedict", "/join gamse", {"benedict": "games"})
    await stage.step(
        "benedict", "/join games", {"benedict": "you are in #games", f"annabel {SERVER}": "benedict entered"}
    )
    await stage.step("benedict", "who plays?", {f"annabel benedict {SERVER}": "who plays?"})
    await stage.step("annabel", "/room lobby", {"annabel": "plain lines go to #lobby"})
    await stage.step("annabel", "carla, we are in games", {ALL: "we are in games"})
    await stage.step("carla", "/room games", {"carla": "not in #games"})
    await stage.step("carla", "/history games", {"carla": ()})
    await stage.step("carla", "/join games", {"carla": "you are in", f"annabel benedict {SERVER}": "carla entered"})
    await stage.step("carla", "/topic games chess on Saturday", {ALL: "set the topic"}, in_any_order=True)
    await stage.step("carla", "/users games", {"carla": "3 users"})
    await stage.step("carla", "/leave", {"carla": "you have left", f"annabel benedict {SERVER}": "carla left #games"})


async def _private(stage: Stage) -> None:
    stage.scene("private")
    await stage.step(
        "annabel", "/msg benedict is the room free at 4?", {"annabel benedict": "is the room", SERVER: "@private"}
    )
    await stage.step(
        "benedict",
        "/reply yes, until 6",
        {"annabel": ("has read", "annabel: yes"), "benedict": "annabel: yes", SERVER: "@private"},
        in_any_order=True,
    )
    await stage.step("carla", "/history annabel", {"carla": "nothing was found"})
    await stage.step("carla", "/search room free", {"carla": "nothing was found"})
    await stage.step("annabel", "/msg benedikt hello", {"annabel": "did you mean", "benedict": "annabel has read"})
    await stage.step("annabel", "/msg annabel hello", {"annabel": "that is you"})
