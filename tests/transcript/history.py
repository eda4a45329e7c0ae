"""What was said, found again; files in it."""

from __future__ import annotations

from tests.transcript.stage import ALL, SERVER, Stage

TALK = (
    ("annabel", "good morning, where do we eat today?"),
    ("benedict", "我们去吃饭吧"),
    ("carla", "先聊天，再吃饭"),
    ("benedict", "the noodle place by the station, at noon"),
    ("annabel", "noon is fine"),
)


async def play(stage: Stage) -> None:
    """A talk, a file, and what is found of them."""
    await stage.serve()
    await stage.gather("annabel", "benedict", "carla")
    stage.scene("history")
    for name, text in TALK:
        await stage.step(name, text, {ALL: text})
    stage.write("benedict", "map of the station.txt", "from the north exit turn left\n")
    await stage.step(
        "benedict",
        "/put map of the station.txt",
        {"benedict": ("sent the file", "uploaded map"), "annabel carla": "sent the file", SERVER: "uploaded map"},
        in_any_order=True,
    )
    await stage.step("carla", "/msg annabel a secret", {"annabel carla": "a secret", SERVER: "@private"})
    await stage.step("benedict", "/history", {"benedict": "sent the file"})
    await stage.step("benedict", "/search 吃饭", {"benedict": "先聊天"})
    await stage.step("benedict", "/search 聊天", {"benedict": "先聊天"})
    await stage.step("benedict", "/search noon", {"benedict": "noon is fine"})
    await stage.step("benedict", "/search noon from:annabel since:1h", {"benedict": "noon is fine"})
    await stage.step("benedict", "/history until:11:00", {"benedict": "nothing was found"})
    await stage.step("benedict", "/history lobby 2", {"benedict": "/more"})
    await stage.step("benedict", "/more", {"benedict": "/more"})
    await stage.step("benedict", "/history carla", {"benedict": "nothing was found"})
    await stage.step("carla", "/history annabel", {"carla": "a secret"})
    await stage.run("benedict", "history", "{}", "--limit", "2", "--json")
    await stage.run("benedict", "history", "{}", "lobby", "--search", "饭")
