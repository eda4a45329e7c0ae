import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.ui.cli.commands import (
    CLIENT_VERBS,
    SERVER_VERBS,
    Command,
    Mistake,
    Text,
    help_lines,
    parse_line,
    unquoted,
)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", None),
        ("   ", None),
        (" hello there ", Text("hello there")),
        ("//quit is a command", Text("/quit is a command")),
        ("/users", Command("users")),
        ("/USERS  ", Command("users")),
        ("/msg ben  see  you", Command("msg", ("ben", "see  you"))),
        ("/put a file.txt", Command("put", ("a file.txt",))),
        ("/put Bob's file.txt", Command("put", ("Bob's file.txt",))),
        ("/get a.bin", Command("get", ("a.bin",))),
        ("/get a.bin /tmp", Command("get", ("a.bin", "/tmp"))),
        ('/get "a b.bin" "c d"', Command("get", ("a b.bin", "c d"))),
        ("/get it's", Command("get", ("it's",))),
    ],
)
def test_a_line_is_text_or_a_command_with_arguments(line: str, parsed: object) -> None:
    assert parse_line(line, CLIENT_VERBS) == parsed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/uesrs", "did you mean /users?"),
        ("/exit", "did you mean /quit?"),
        ("/xyzzy", "/help lists the commands"),
        ("/mgs ben hi", "did you mean /msg NICK TEXT?"),
        ("/", "/help lists the commands"),
        ("/msg ben", "write /msg NICK TEXT"),
        ("/put", "write /put PATH"),
        ("/get", "write /get NAME [DEST]"),
        ("/get a b c", '"..." round names with spaces'),
        ("/users now", "write /users"),
    ],
)
def test_a_mistake_is_answered_with_what_to_type(line: str, words: str) -> None:
    mistake = parse_line(line, CLIENT_VERBS)
    assert isinstance(mistake, Mistake)
    assert words in mistake.text


def test_the_administrator_has_commands_of_his_own() -> None:
    assert parse_line("/kick ben", SERVER_VERBS) == Command("kick", ("ben",))
    assert parse_line('/say "dinner" at 8', SERVER_VERBS) == Command("say", ('"dinner" at 8',))
    assert isinstance(parse_line("/put x", SERVER_VERBS), Mistake)


@given(st.text())
def test_every_line_is_understood_or_answered(line: str) -> None:
    parsed = parse_line(line, CLIENT_VERBS)
    assert parsed is None or isinstance(parsed, Text | Command | Mistake)
    if isinstance(parsed, Command):
        verb = CLIENT_VERBS[parsed.name]
        assert verb.least <= len(parsed.arguments) <= verb.most


@pytest.mark.parametrize(
    ("path", "meant"),
    [("'/a b/c'", "/a b/c"), ('"/a b"', "/a b"), ("Bob's", "Bob's"), ("'a' and 'b'", "'a' and 'b'"), ("''", "''")],
)
def test_quotes_that_a_terminal_puts_round_a_path_are_taken_off(path: str, meant: str) -> None:
    assert unquoted(path) == meant


@pytest.mark.parametrize("verbs", [CLIENT_VERBS, SERVER_VERBS])
def test_help_has_a_line_for_every_command(verbs: dict[str, object]) -> None:
    lines = help_lines(verbs)  # type: ignore[arg-type]
    assert [line.split()[0] for line in lines] == [f"/{name}" for name in verbs]
