"""A server that is killed in the middle of a talk, on a network that loses packets."""

from __future__ import annotations

from tests.transcript.stage import ALL, SERVER, Stage


async def play(stage: Stage) -> None:
    """Before, meanwhile, after."""
    await stage.serve()
    await stage.relay("--loss", "3%", "--seed", "7")
    await stage.gather("annabel", "benedict", "carla")
    stage.scene("reconnect")
    await stage.step("carla", "before", {ALL: "carla: before"})
    stage.note("annabel and carla close their laptops; then the server is killed (SIGKILL)")
    stage.sleep("annabel")
    stage.sleep("carla")
    await stage.kill(SERVER)
    await stage.step("benedict", "am I alone?")
    stage.note("the server is started again; no client is")
    await stage.serve(port=stage.port)
    await stage.see(
        {"benedict": ("connection lost", "back as", "am I alone?"), SERVER: ("benedict joined", "am I alone?")}
    )
    stage.note("annabel opens her laptop, then carla")
    await stage.step(
        "annabel",
        "no",
        {
            "annabel": ("connection lost", "back as", "am I alone?", "no"),
            "benedict": ("annabel joined", "no"),
            SERVER: ("annabel joined", "no"),
        },
    )
    await stage.step(
        "carla",
        "nor am I here",
        {
            "carla": ("connection lost", "back as", "am I alone?", "annabel: no", "nor"),
            "benedict annabel": ("carla joined", "nor"),
            SERVER: ("carla joined", "nor"),
        },
    )
    await stage.step("carla", "/history lobby", {"carla": "nor am I here"})
