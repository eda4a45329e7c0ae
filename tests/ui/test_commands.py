from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.ui.cli.commands import CLIENT, SERVER, TABLE, Dialect, Place, Verb
from udpchat.ui.cli.parsing import Command, Mistake, Question, Text, help_lines, parse_line, table_rows, unquoted

MENU = replace(CLIENT, menu=True)
TILDE = replace(CLIENT, tilde=True)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("", None),
        ("   ", None),
        (" hello there ", Text("hello there")),
        ("//quit is a command", Text("/quit is a command")),
        ("what? no!", Text("what? no!")),
        ("!important: read this", Text("!important: read this")),
        ("/users", Command("users")),
        ("/USERS  ", Command("users")),
        ("/users games", Command("users", ("games",))),
        ("/msg ben  see  you", Command("msg", ("ben", "see  you"))),
        ("/say /me waves", Command("say", ("/me waves",))),
        ("/put a file.txt", Command("put", ("a file.txt",))),
        ("/put Bob's file.txt", Command("put", ("Bob's file.txt",))),
        ("/get a.bin", Command("get", ("a.bin",))),
        ("/get a.bin /tmp", Command("get", ("a.bin", "/tmp"))),
        ('/get "a b.bin" "c d"', Command("get", ("a b.bin", "c d"))),
        ("/get it's", Command("get", ("it's",))),
        ("/files", Command("files")),
        ("/files my photos/", Command("files", ("my photos/",))),
        ("/file my notes.txt", Command("file", ("my notes.txt",))),
        ("/send ben 'a b' c", Command("send", ("ben", "'a b' c"))),
        ("/accept", Command("accept")),
        ("/cancel all", Command("cancel", ("all",))),
        ("/limit 2 20mbit", Command("limit", ("2", "20mbit"))),
        ("/create games board games, and cards", Command("create", ("games", "board games, and cards"))),
        ("/away", Command("away")),
        ("/away out for lunch", Command("away", ("out for lunch",))),
        ("/kick ben", Command("kick", ("ben",))),
        ("/kick ben too  loud", Command("kick", ("ben", "too  loud"))),
        ("/history", Command("history", ("",))),
        ("/history games 20 from:ben pizza", Command("history", ("games 20 from:ben pizza",))),
        ("/help", Command("help")),
        ("/help msg", Command("help", ("msg",))),
        ("text~ben", Text("text~ben")),
        ("u", Text("u")),
    ],
)
def test_a_line_is_text_or_a_command_with_arguments(line: str, parsed: object) -> None:
    assert parse_line(line, CLIENT) == parsed


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("!bye", Command("quit")),
        ("!BYE", Command("quit")),
        ("/exit", Command("quit")),
        ("!howmany", Command("count")),
        ("!users", Command("users")),
        ("!ls", Command("files")),
        ("/file list", Command("files")),
        ("!get notes.txt", Command("get", ("notes.txt",))),
        ('!get my "own" notes.txt', Command("get", ('my "own" notes.txt',))),
        ("!get C:\\Temp\\饭 菜.txt", Command("get", ("C:\\Temp\\饭 菜.txt",))),
        ("/file download my notes.txt", Command("get", ("my notes.txt",))),
        ("/file upload C:\\My Files\\聊天 记录.txt", Command("put", ("C:\\My Files\\聊天 记录.txt",))),
        ("/file upload 'quoted'", Command("put", ("'quoted'",))),
        ("/FILE Upload Notes.txt", Command("put", ("Notes.txt",))),
        ("!ft", Question("put", "file to send: ")),
        ("!ft my notes.txt", Command("put", ("my notes.txt",))),
        ("ls-l", Command("lls")),
        ("!bye, see you", Text("!bye, see you")),
        ("!ls is what you type", Text("!ls is what you type")),
    ],
)
def test_commands_of_older_systems_work_as_typed_there(line: str, parsed: object) -> None:
    assert parse_line(line, CLIENT) == parsed


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("u", Question("put", "file to upload: ")),
        ("d", Question("get", "file to download: ")),
        ("c", Question("say", "line: ")),
        ("ls", Command("files")),
        ("ls-l", Command("lls")),
        ("q", Command("quit")),
        ("Q", Command("quit")),
        ("u there?", Text("u there?")),
        ("ls -l", Text("ls -l")),
        ("/users", Command("users")),
    ],
)
def test_with_a_menu_its_words_are_commands_when_they_stand_alone(line: str, parsed: object) -> None:
    assert parse_line(line, MENU) == parsed


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("see you at 8~ben", Command("msg", ("ben", "see you at 8"))),
        ("~5 minutes~ben", Command("msg", ("ben", "~5 minutes"))),
        ("it takes ~ 5 minutes", Text("it takes ~ 5 minutes")),
        ("see ~/notes.txt, page 5", Text("see ~/notes.txt, page 5")),
        ("no tilde", Text("no tilde")),
        ("ends with one~", Text("ends with one~")),
        ("//a~ben", Text("/a~ben")),
    ],
)
def test_with_tildes_the_nickname_may_trail_the_text(line: str, parsed: object) -> None:
    assert parse_line(line, TILDE) == parsed


def test_a_tilde_and_a_nickname_alone_are_no_private_line() -> None:
    assert isinstance(parse_line("~ben", TILDE), Mistake)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/uesrs", "did you mean /users [ROOM]?"),
        ("/bye", "did you mean /quit?"),
        ("/upload x", "did you mean /put PATH...?"),
        ("/continue 2", "did you mean /resume N|all?"),
        ("/ls", "did you mean /files [ROOM|NAME/]?"),
        ("/xyzzy", "/help lists the commands"),
        ("/mgs ben hi", "did you mean /msg NICK TEXT?"),
        ("/whisper ben hi", "did you mean /msg NICK TEXT?"),
        ("/", "/help lists the commands"),
        ("/msg ben", "write /msg NICK TEXT"),
        ("/put", "write /put PATH..."),
        ("/send ben", "write /send NICK PATH..."),
        ("/limit 2", "write /limit N|all RATE"),
        ("/first", "write /first N"),
        ("/get", "write /get NAME [DEST]"),
        ("/get a b c", '"..." round names with spaces'),
        ("/users a b", "write /users [ROOM]"),
        ("/back again", "write /back"),
        ("!get", "write !get NAME"),
        ("!usres", "did you mean !users?"),
        ("!usres", "write /say !usres to say it"),
        ("/file", "write /file NAME"),
        ("/file", "/file list, /file upload PATH, /file download NAME"),
    ],
)
def test_a_mistake_is_answered_with_what_to_type(line: str, words: str) -> None:
    mistake = parse_line(line, CLIENT)
    assert isinstance(mistake, Mistake)
    assert words in mistake.text


def test_the_administrator_has_commands_of_his_own() -> None:
    assert parse_line("/kick ben", SERVER) == Command("kick", ("ben",))
    assert parse_line("/ban 192.0.2.7 flooding", SERVER) == Command("ban", ("192.0.2.7", "flooding"))
    assert parse_line('/say "dinner" at 8', SERVER) == Command("say", ('"dinner" at 8',))
    assert parse_line("/delete my notes.txt", SERVER) == Command("delete", ("my notes.txt",))
    assert isinstance(parse_line("/put x", SERVER), Mistake)


@given(st.text() | st.text(alphabet="/!~ ufilegtdhc\\\"'人"), st.booleans(), st.booleans())
def test_every_line_is_understood_or_answered(line: str, menu: bool, tilde: bool) -> None:
    dialect = Dialect(CLIENT.verbs, menu=menu, tilde=tilde)
    parsed = parse_line(line, dialect)
    match parsed:
        case None:
            assert not line.strip()
        case Command(name, arguments):
            assert len(arguments) <= max(len(CLIENT.verbs[name].arguments), 1)
        case Question(name, prompt):
            assert prompt.endswith(": ")
            assert CLIENT.verbs[name].arguments
        case Text(text) | Mistake(text):
            assert text


@pytest.mark.parametrize(
    ("path", "meant"),
    [("'/a b/c'", "/a b/c"), ('"/a b"', "/a b"), ("Bob's", "Bob's"), ("'a' and 'b'", "'a' and 'b'"), ("''", "''")],
)
def test_quotes_that_a_terminal_puts_round_a_path_are_taken_off(path: str, meant: str) -> None:
    assert unquoted(path) == meant


@pytest.mark.parametrize("dialect", [CLIENT, SERVER], ids=["client", "server"])
@pytest.mark.parametrize("lines", [help_lines, table_rows])
def test_help_and_the_documents_table_have_a_line_for_every_command(
    dialect: Dialect, lines: Callable[[Dialect], list[str]]
) -> None:
    shown = lines(dialect)
    names = [line.lstrip("| `").split()[0].rstrip("`") for line in shown if "/" in line]
    assert names == [f"/{name}" for name in dialect.verbs]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("quit", "also: /exit, !bye, q (with --menu)"),
        ("/quit", "/quit  leave"),
        ("whisper", "/msg NICK TEXT"),
        ("kick", "(administrators)"),
        ("xyzzy", "there is no command /xyzzy"),
    ],
)
def test_help_tells_about_one_command(about: str, words: str) -> None:
    assert words in "\n".join(help_lines(CLIENT, about))


@pytest.mark.parametrize("place", list(Place))
def test_no_word_means_two_commands(place: Place) -> None:
    verbs = [verb for verb in TABLE if place in verb.place]
    words = [verb.name for verb in verbs] + [alias.typed for verb in verbs for alias in verb.aliases]
    assert len(words) == len(set(words))
    elsewhere = [word for verb in verbs for word in verb.elsewhere]
    assert len(elsewhere) == len(set(elsewhere))
    assert not set(elsewhere) & {verb.name for verb in verbs}


@pytest.mark.parametrize("verb", TABLE, ids=lambda verb: verb.usage)
def test_no_argument_follows_the_rest_of_a_line_nor_a_needed_one_an_optional_one(verb: Verb) -> None:
    arguments = verb.arguments
    assert not any(argument.is_rest for argument in arguments[:-1])
    optional = [argument.is_optional for argument in arguments]
    assert optional == sorted(optional)
