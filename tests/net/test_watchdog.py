"""What a client says of a server that it does not hear."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.net.party import Party, until
from tests.ui.processes import serve
from udpchat.config import SECOND
from udpchat.net import watchdog
from udpchat.net.watchdog import LOUD, PATIENCE, FellSilent, HeardAgain, Silence


def test_a_silence_is_told_once_and_its_end_too() -> None:
    silence = Silence()
    told = [silence.look(100.0 + look, look, is_heard=False) for look in range(1, 21)]
    assert [event for event in told if event is not None] == [FellSilent(round(LOUD * SECOND))]
    assert silence.look(121.0, 0, is_heard=True) == HeardAgain(21 * SECOND)
    assert silence.look(122.0, 0, is_heard=True) is None


def test_a_short_silence_is_not_told() -> None:
    silence = Silence()
    for look in range(1, 5):
        assert silence.look(100.0 + look, look, is_heard=False) is None
    assert silence.look(105.0, 0, is_heard=True) is None
    assert silence.look(106.0, 1, is_heard=False) is None  # another one begins anew


def test_a_silence_that_ends_with_the_connection_is_told_by_who_tells_of_that() -> None:
    silence = Silence()
    for look in range(1, 10):
        silence.look(100.0 + look, look, is_heard=False)
    assert silence.look(110.0, 0, is_heard=False) is None
    assert silence.look(111.0, 0, is_heard=True) is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_a_client_tells_that_its_server_has_fallen_silent_and_that_it_is_heard_again(
    party: Party, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LOUD", PATIENCE)
    server = await serve(tmp_path)
    try:
        anna = await party.dial("127.0.0.1", server.listening["port"], "anna")
        told = anna.events()
        server.process.send_signal(signal.SIGSTOP)
        said = asyncio.create_task(anna.say("hello"))
        assert (await until(told, FellSilent)).silent_for >= PATIENCE * SECOND
        server.process.send_signal(signal.SIGCONT)
        assert (await until(told, HeardAgain)).silent_for >= PATIENCE * SECOND
        assert (await said).sequence > 0
        await party.end(anna)
        await server.stop()
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.communicate()
