"""Accounts: made, taken, logged in to, kept by a ticket; by their owners and by the administrator."""

from __future__ import annotations

from tests.transcript.stage import SERVER, Stage

PASSWORD = "a long sentence is best"
ANOTHER = "an even longer sentence"


async def play(stage: Stage) -> None:
    """Accounts as users have them, and as the administrator has them."""
    await stage.serve()
    await stage.gather("benedict", "carla")
    await _users(stage)
    await _administrator(stage)


async def _users(stage: Stage) -> None:
    stage.scene("accounts")
    await _type_password(stage, "carla", "/register", PASSWORD, PASSWORD, sees="too short")
    await _type_password(stage, "benedict", "/register", "short", "short", sees="too short")
    await stage.step("benedict", "/register")
    await stage.step("benedict", PASSWORD, secret=True)
    await stage.step("benedict", PASSWORD, {"benedict": "registered", SERVER: "registered"}, secret=True)
    await stage.step("carla", "/login nobody")
    await stage.step("carla", PASSWORD, {f"carla {SERVER}": "there is no account"}, secret=True)
    await stage.join("eve", nick="benedict", sees={"eve": "first contact"})
    await stage.step("eve", "123456", {"eve": "the password is wrong", SERVER: "account benedict"}, secret=True)
    await stage.step("eve", "", {})
    await stage.step("eve", "carla", {"eve": "in use"})
    await stage.step("eve", "eve", {"eve": "3 users are here", f"benedict carla {SERVER}": "eve joined"})
    await stage.step("benedict", "/quit", {f"carla eve {SERVER}": "benedict left"}, ends="benedict")
    await stage.run("eve", "say", "it is me", "{}", "--name", "benedict")
    await stage.join("benedict", sees={"benedict": "3 users are here", f"carla eve {SERVER}": "benedict joined"})
    await stage.step("benedict", "/password")
    await stage.step("benedict", PASSWORD, secret=True)
    await stage.step("benedict", ANOTHER, secret=True)
    await stage.step("benedict", ANOTHER, {"benedict": "is changed", SERVER: "password changed"}, secret=True)


async def _administrator(stage: Stage) -> None:
    stage.scene("administrator")
    await stage.ask(
        SERVER,
        *("user", "add", "annabel", "--admin"),
        answers=(("password for annabel", PASSWORD), ("once more", PASSWORD)),
    )
    await stage.run(SERVER, "user", "add", "benedict", UDPCHAT_PASSWORD=PASSWORD)
    await stage.run(SERVER, "user", "list")
    await stage.run(SERVER, "user", "list", "--json")
    await stage.join("annabel", sees={"annabel": "first contact"})
    await stage.step(
        "annabel",
        PASSWORD,
        {
            "annabel": "4 users are here",
            "benedict carla eve": "annabel joined",
            SERVER: ("logged in", "annabel joined"),
        },
        secret=True,
    )
    await stage.ask(
        SERVER,
        *("user", "passwd", "annabel"),
        answers=(("new password for annabel", ANOTHER), ("once more", ANOTHER)),
    )
    await stage.run(SERVER, "user", "remove", "benedict")
    await stage.run(SERVER, "user", "remove", "benedict")
    for name in ("annabel", "benedict", "carla", "eve", SERVER):
        await stage.kill(name)
    stage.note("the server is started again, for accounts only")
    await stage.serve("--require-account", shown=True)
    await stage.run("carla", "say", "hello", "{}", "--name", "carla")
    await stage.join("carla", sees={"carla": ()})
    await stage.step("carla", PASSWORD, {"carla": "there is no account", SERVER: "account carla"}, secret=True)


async def _type_password(stage: Stage, name: str, command: str, *passwords: str, sees: str) -> None:
    """A command, then what it asks for."""
    await stage.step(name, command)
    for password in passwords[:-1]:
        await stage.step(name, password, secret=True)
    await stage.step(name, passwords[-1], {name: sees}, secret=True)
