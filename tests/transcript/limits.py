"""Who is here, how many may be, how fast they may write; kick and ban; hostile text."""

from __future__ import annotations

from tests.transcript.stage import ALL, SERVER, Stage

PASSWORD = "a long sentence is best"
FAST = "".join(f"line {number}\n" for number in range(1, 7))


async def play(stage: Stage) -> None:
    """Presence, the queue, kick and ban, the rate limit, hostile text."""
    await stage.serve("--max-users", "3", "--message-rate", "2")
    await stage.add_account("annabel", PASSWORD, "--admin")
    await stage.gather("annabel", "benedict", "carla", UDPCHAT_PASSWORD=PASSWORD)
    await _presence(stage)
    await _limits(stage)
    await _text(stage)


async def _presence(stage: Stage) -> None:
    stage.scene("presence")
    await stage.step(
        "benedict", "/away at lunch until 1", {"benedict": "away", f"annabel carla {SERVER}": "benedict is away"}
    )
    await stage.step("carla", "/users", {"carla": "3 users"})
    await stage.step("benedict", "/back", {"benedict": "back", f"annabel carla {SERVER}": "benedict is back"})
    await stage.step("carla", "/seen annabel", {"carla": "annabel is here"})


async def _limits(stage: Stage) -> None:
    stage.scene("limits")
    await stage.join("dorothea", sees={"dorothea": "number 1 in the queue"}, queues=True)
    await stage.run("eve", "client", "{}", "--name", "eve", "--no-wait")
    await stage.step(
        "carla",
        "/quit",
        {f"annabel benedict {SERVER}": ("carla left", "dorothea joined"), "dorothea": "joined"},
        ends="carla",
    )
    await stage.step(
        "annabel",
        "/kick dorothea please read the rules",
        {
            "annabel": ("kicked", "dorothea"),
            "benedict": "was kicked",
            "dorothea": "kicked",
            SERVER: ("kicked", "was kicked"),
        },
        ends="dorothea",
        in_any_order=True,
    )
    await stage.run("finn", "client", "{}", "--name", "finn", typed=FAST, in_any_order=True)
    await stage.see({f"annabel benedict {SERVER}": ("finn joined", "line 6", "finn left")})
    await stage.step(
        "server",
        "/ban benedict too loud",
        {"annabel": "was banned", "benedict": "too loud", SERVER: ("was banned", "lifts it")},
        ends="benedict",
        in_any_order=True,
    )
    await stage.step("annabel", "/bans", {"annabel": "too loud"})
    await stage.run("benedict", "client", "{}", "--name", "benedict")
    await stage.step("server", "/unban benedict", {SERVER: ("may come in again", "lifted")}, in_any_order=True)
    await stage.step("server", "/say dinner at 8", {ALL: "dinner at 8"})


async def _text(stage: Stage) -> None:
    stage.scene("text")
    hostile = "\x1b[2J\x1b]0;owned\x07 \u202egpj.exe \u2066 a" + "\u0301" * 12
    await stage.run("carla", "say", hostile, "{}", "--name", "carla")
    await stage.see({f"annabel {SERVER}": "owned"})
    await stage.run("carla", "say", "真 😀 עברית عربي", "{}", "--name", "carla")
    await stage.see({f"annabel {SERVER}": "😀"})
    await stage.join("eve", nick="аnnabel", sees={"eve": "2 users", f"annabel {SERVER}": "looks like annabel"})
    await stage.step("eve", "I am the administrator", {ALL: "I am the administrator"})
    await stage.step("annabel", "/users", {"annabel": "2 users"})
