import asyncio
import hashlib
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.net.peering import FAST, LIMIT, LOCALHOST, Neighbourhood, neighbour, neighbourhood, told
from udpchat.config import MIB, SECOND, Config
from udpchat.crypto.identity import fingerprint
from udpchat.errors import ErrorCode, RefusedError, UsageError
from udpchat.files.events import Progress
from udpchat.net.home import Home
from udpchat.net.joining import connect
from udpchat.net.peer.api import Peer, start_guest
from udpchat.net.peer.events import ConfigApplied, ConfigBroken, KeyPinned
from udpchat.net.peer.fetch import MOST_TRIED, AmbiguousNameError, Fetcher, NoHolderError
from udpchat.net.peer.notes import Note, read_note
from udpchat.net.peer.search import Found
from udpchat.peers.events import DialFailed, NeighbourCame, NeighbourGone
from udpchat.peers.ports import SharedFile, ShareScanned
from udpchat.peers.settings import NeighbourConfig, PeerConfigError
from udpchat.wire.numbers import PLAIN_FILE

BYTES = Random(7).randbytes(3 * MIB + 17)
SLOW = Config(file_rate=8 * MIB)  # so that there is a middle of a transfer


async def chain(place: Neighbourhood, goods: dict[str, bytes]) -> tuple[Peer, Peer, Peer]:
    """The first knows the second, the second the third, and the third has something."""
    third = await place.start_giver("third", goods)
    second = await place.start("second", neighbour(third))
    first = await place.start("first", neighbour(second))
    assert await second.linked(10)
    assert await first.linked(10)
    return first, second, third


async def found_by(peer: Peer, pattern: str, **how: float) -> list[Found]:
    return [each async for each in peer.search(pattern, wait=how.get("wait", 0.4))]


async def test_a_file_is_found_over_a_node_in_between_and_fetched_directly(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, second, third = await chain(place, {"trip.txt": BYTES})
        (found,) = await found_by(first, "trip*")
        assert (found.file_name, found.size, found.hops, found.neighbour) == ("trip.txt", len(BYTES), 2, "second")
        assert (found.md5, found.host, found.port) == (hashlib.md5(BYTES).digest(), *third.address)
        assert found.key == third.key
        before = second.counters()["socket_received_bytes"]
        fetched = await first.get("trip.txt", tmp_path)
        assert (tmp_path / "trip.txt").read_bytes() == BYTES
        assert (fetched.holder.place, fetched.failed) == (found.place, ())
        assert second.counters()["socket_received_bytes"] - before < len(BYTES) // 100


async def test_a_file_is_found_by_word_by_md5_and_by_block_root(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, _ = await chain(place, {"Long Trip.txt": BYTES, "other.txt": b"other"})
        (found,) = await found_by(first, "trip")
        assert [each.file_name for each in await found_by(first, found.md5.hex())] == ["Long Trip.txt"]
        assert [each.file_name for each in await found_by(first, found.root.hex())] == ["Long Trip.txt"]
        assert len(await found_by(first, "*.txt")) == 2


async def test_nothing_is_found_beyond_the_time_to_live(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, _ = await chain(place, {"trip.txt": b"x"})
        assert [each async for each in first.search("trip*", ttl=1, wait=0.3)] == []
        with pytest.raises(UsageError, match="1 to 7 links, not 8"):
            await anext(first.search("trip*", ttl=8))


async def test_nobody_has_it_is_said_so(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, _ = await chain(place, {})
        with pytest.raises(NoHolderError, match=r"no node within 7 links has nothing\.txt"):
            await first.get("nothing.txt", tmp_path, wait=0.2)


async def test_different_files_of_a_name_are_told_apart_by_their_md5(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        one = await place.start_giver("one", {"notes.txt": b"one"})
        two = await place.start_giver("two", {"notes.txt": b"two"})
        asker = await place.start("asker", neighbour(one), neighbour(two))
        await asker.linked(10)
        with pytest.raises(AmbiguousNameError, match=r"2 different files are called notes.txt") as caught:
            await asker.get("notes.txt", tmp_path)
        assert {each[0].md5 for each in caught.value.choices} == {
            hashlib.md5(b"one").digest(),
            hashlib.md5(b"two").digest(),
        }
        await asker.get(hashlib.md5(b"two").hexdigest(), tmp_path)
        assert (tmp_path / "notes.txt").read_bytes() == b"two"


async def test_a_holder_of_a_folder_that_goes_is_replaced_and_no_byte_of_it_is_fetched_again(tmp_path: Path) -> None:
    data = Random(8).randbytes(12 * MIB)
    async with neighbourhood(tmp_path) as place:
        givers = [await place.start_giver(name, {"album/big.bin": data}, transport=SLOW) for name in ("one", "two")]
        asker = await place.start("asker", *(neighbour(giver) for giver in givers))
        await asker.linked(10)
        going: list[asyncio.Task[None]] = []

        def progress(seen: Progress) -> None:
            if seen.done > 4 * MIB and not going:
                using = next(giver for giver in givers if giver.key == seen.transfer.server)
                going.append(asyncio.create_task(using.close()))

        fetched = await asker.get("album", tmp_path, progress)
        assert (tmp_path / "album" / "big.bin").read_bytes() == data
        assert [each.holder.content for each in fetched.failed] == [fetched.holder.content]
        assert fetched.failed[0].holder.key != fetched.holder.key
        assert fetched.downloaded.resumed >= 4 * MIB
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
        await asyncio.gather(*going)


async def test_a_holder_that_serves_other_bytes_is_named_and_the_next_one_asked(tmp_path: Path) -> None:
    truth = SharedFile("a.bin", 5, hashlib.md5(b"right").digest())
    roots: list[bytes] = []

    def lie(file: SharedFile) -> SharedFile:
        return replace(file, md5=truth.md5, root=roots[0])

    async with neighbourhood(tmp_path) as place:
        honest = await place.start_giver("honest", {"a.bin": b"right"})
        middle = await place.start("middle", neighbour(honest))
        liar = await place.start_giver("liar", {"a.bin": b"wrong"}, lies=lie)
        asker = await place.start("asker", neighbour(middle), neighbour(liar))
        await middle.linked(10)
        await asker.linked(10)
        roots.append(bytes(32))
        (right,) = [each for each in await found_by(asker, "a.bin") if each.key == honest.key]
        roots[0] = right.root
        fetched = await asker.get("a.bin", tmp_path)
        assert (tmp_path / "a.bin").read_bytes() == b"right"
        (failed,) = fetched.failed
        assert (failed.holder.place, failed.is_wrong) == (f"{LOCALHOST}:{liar.address[1]}", True)
        assert f"{failed.holder.place} served wrong bytes" in failed.text
        assert [name for name in os.listdir(tmp_path) if "." in name] == ["a.bin"]


async def test_same_md5_is_not_the_same_content(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        one = await place.start_giver("one", {"a.bin": b"right"})
        two = await place.start_giver(
            "two", {"a.bin": b"wrong"}, lies=lambda file: replace(file, md5=hashlib.md5(b"right").digest())
        )
        asker = await place.start("asker", neighbour(one), neighbour(two))
        await asker.linked(10)
        assert len(await asker.holders("a.bin")) == 2


async def test_a_node_of_another_key_is_no_neighbour_and_no_holder(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        other = await place.start("other")
        asker = await place.start("asker", neighbour(other, key="ab" * 32))
        failed = await told(asker, DialFailed)
        assert "another key" in failed.reason
        assert [each.is_neighbour for each in asker.peers()] == [False]


@pytest.mark.parametrize("shown", [bytes.hex, fingerprint])
async def test_a_node_whose_key_is_named_is_a_neighbour(tmp_path: Path, shown: object) -> None:
    assert callable(shown)
    async with neighbourhood(tmp_path) as place:
        other = await place.start("other")
        asker = await place.start("asker", neighbour(other, key=shown(other.key)))
        assert (await told(asker, NeighbourCame)).name == "other"


async def test_the_key_of_a_neighbour_is_pinned_at_the_first_meeting(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        other = await place.start("other")
        asker = await place.start("asker", neighbour(other))
        assert (await told(asker, KeyPinned)).key == other.key
        (pin,) = Home(tmp_path / "asker").trust.pins()
        assert (pin.key, pin.addresses) == (other.key, (f"{LOCALHOST}:{other.address[1]}",))
        await asker.close()
        Home(tmp_path / "asker").trust.forget(pin.key.hex())
        Home(tmp_path / "asker").trust.add(pin.addresses[0], b"k" * 32, 0)
        again = await place.start("asker", neighbour(other))
        assert "another key" in (await told(again, DialFailed)).reason


async def test_only_the_allowed_may_dial(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        friend = await place.start("friend")
        identity = friend.identity
        await friend.close()
        strict = await place.start("strict", allow=(fingerprint(identity),))
        stranger = await place.start("stranger", neighbour(strict))
        assert "takes only neighbours that it knows" in (await told(stranger, DialFailed)).reason
        friend = await place.start("friend", neighbour(strict))
        assert (await told(friend, NeighbourCame)).name == "strict"
        assert [each.identity for each in strict.peers()] == [identity]


async def test_a_neighbour_that_comes_later_is_reached(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        late = await place.start("late")
        address = late.address
        await late.close()
        impatient = replace(FAST, handshake_timeout=SECOND // 2)
        asker = await place.start("asker", NeighbourConfig(*address, "late"), transport=impatient)
        assert (await told(asker, DialFailed)).address == address
        (known,) = asker.peers()
        assert (known.name, known.is_neighbour) == ("late", False)
        assert known.text.startswith(f"no answer from {LOCALHOST}")
        await place.start("late", port=address[1])
        assert (await told(asker, NeighbourCame)).name == "late"
        (known,) = asker.peers()
        assert (known.is_neighbour, known.text) == (True, "")


async def test_a_neighbour_whose_name_nobody_knows_is_said_so(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker = await place.start("asker", NeighbourConfig("nobody.invalid", 27272, "ghost"))
        assert (await told(asker, DialFailed)).reason.startswith("cannot find the host nobody.invalid")
        assert [(each.name, each.is_neighbour) for each in asker.peers()] == [("ghost", False)]


async def test_nothing_can_be_uploaded_to_a_node_by_default(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        node = await place.start("node")
        (tmp_path / "gift.txt").write_text("gift")
        client = await connect(*node.address, nick="ann", home=tmp_path / "ann", server_key=node.key.hex())
        with pytest.raises(RefusedError, match="shares files of its own and takes none") as caught:
            await client.put(tmp_path / "gift.txt")
        assert caught.value.code == ErrorCode.NOT_ALLOWED
        await client.close()


# -- changing a configuration ------------------------------------------------------------------------------------------


def configuration(port: int, *neighbours: str) -> str:
    text = f'[node]\nname = "asker"\nhost = "{LOCALHOST}"\nport = {port}  # ours\nttl = 5\n'
    return text + "".join(f'[[neighbour]]\naddress = "{each}"\n' for each in neighbours)


async def free_port(place: Neighbourhood, name: str) -> int:
    peer = await place.start(name)
    port = peer.address[1]
    await peer.close()
    return port


async def test_a_change_of_neighbours_holds_at_once(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        one, two = await place.start("one"), await place.start("two")
        port = await free_port(place, "three")
        asker, file = await place.start_by_file("asker", configuration(port, f"{LOCALHOST}:{one.address[1]}"))
        assert (await told(asker, NeighbourCame)).name == "one"
        changed = await asker.modify("peerlist", f"{LOCALHOST}:{two.address[1]}")
        assert changed == asker.config == file.read()
        assert (await told(asker, NeighbourGone)).name == "one"
        assert (await told(asker, NeighbourCame)).name == "two"


async def test_a_change_of_port_moves_the_node_and_its_neighbours_stay(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        one = await place.start_giver("one", {"a.txt": b"a"})
        old, new = await free_port(place, "two"), await free_port(place, "three")
        asker, file = await place.start_by_file("asker", configuration(old, f"{LOCALHOST}:{one.address[1]}"))
        await asker.linked(10)
        await asker.modify("serverport", str(new))
        assert asker.address == (LOCALHOST, new)
        assert f"port = {new}  # ours" in file.path.read_text()
        assert await asker.linked(10)
        assert [each.file_name for each in await found_by(asker, "a*")] == ["a.txt"]


async def test_a_port_that_is_taken_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        one = await place.start("one")
        text = configuration(await free_port(place, "two"))
        asker, file = await place.start_by_file("asker", text)
        with pytest.raises(PeerConfigError, match=r"port, cannot listen on port \d+: Address already in use"):
            await asker.modify("port", str(one.address[1]))
        assert file.path.read_text() == text
        assert asker.address[1] == asker.config.port


async def test_a_file_that_is_changed_by_hand_is_followed_and_a_broken_one_is_told(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        asker, file = await place.start_by_file("asker", configuration(await free_port(place, "two")))
        file.path.write_text(file.path.read_text().replace("ttl = 5", "ttl = 99"))
        broken = await told(asker, ConfigBroken)
        assert broken.lines == (f"{file.path}, line 5, [node] ttl, 99 is not from 1 to 16",)
        file.path.write_text(file.path.read_text().replace("ttl = 99", "ttl = 3"))
        assert (await told(asker, ConfigApplied)).config.ttl == asker.config.ttl == 3


async def test_a_node_without_a_file_cannot_be_changed(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        with pytest.raises(UsageError, match="without a file"):
            await (await place.start("node")).modify("ttl", "3")


# -- commands beside a node --------------------------------------------------------------------------------------------


async def noted(home: Path, name: str) -> Note:
    """What a node has left for commands, when it says that a neighbour is there."""
    async with asyncio.timeout(LIMIT):
        while True:
            note = read_note(home)
            if note is not None and [peer.name for peer in note.peers if peer.is_neighbour] == [name]:
                return note
            await asyncio.sleep(0.02)


async def test_a_command_asks_the_node_that_runs(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, third = await chain(place, {"trip.txt": BYTES})
        note = await noted(tmp_path / "first", "second")
        assert ((note.host, note.port), note.key) == (first.address, first.key)
        async with await start_guest(first.config, tmp_path / "first", note) as guest:
            assert await guest.linked(10)
            (found,) = await found_by(guest, "trip*")
            assert (found.hops, found.place) == (2, f"{LOCALHOST}:{third.address[1]}")
            assert [each.name for each in guest.peers()] == ["second"]
            await guest.get("trip.txt", tmp_path)
        assert (tmp_path / "trip.txt").read_bytes() == BYTES
        assert [each.name for each in first.peers()] == ["second"]


@pytest.mark.parametrize("runs", [True, False])
async def test_commands_at_the_same_time_do_not_get_in_each_others_way(runs: bool, tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, _ = await chain(place, {"trip.txt": BYTES})
        note = await noted(tmp_path / "first", "second") if runs else None
        if not runs:
            await first.close()
        async with AsyncExitStack() as opened:
            guests = [await start_guest(first.config, tmp_path / "first", note) for _ in range(3)]
            for guest in guests:
                opened.push_async_callback(guest.close)
            assert [await guest.linked(10) for guest in guests] == [True, True, True]
            assert len({guest.identity for guest in guests}) == 3
            found = await asyncio.gather(*(found_by(guest, "trip*", wait=1) for guest in guests))
            assert [len(each) for each in found] == [1, 1, 1]


async def test_a_command_without_a_running_node_asks_the_neighbours_under_its_name(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        first, _, _ = await chain(place, {"trip.txt": BYTES})
        identity = first.identity
        await first.close()
        assert read_note(tmp_path / "first") is None
        async with await start_guest(first.config, tmp_path / "first", None) as guest:
            assert await guest.linked(10)
            assert guest.identity == identity
            assert [each.hops for each in await found_by(guest, "trip*")] == [2]


async def test_a_strict_node_takes_the_commands_of_its_own_user(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        friend = await place.start_giver("friend", {"trip.txt": BYTES})
        strict = await place.start("strict", neighbour(friend), allow=(friend.identity.hex(),))
        await strict.linked(10)
        async with await start_guest(strict.config, tmp_path / "strict", read_note(tmp_path / "strict")) as guest:
            assert await guest.linked(10)
            assert len(await found_by(guest, "trip*")) == 1


async def test_nodes_in_plaintext_find_and_fetch_too(tmp_path: Path) -> None:
    plain = replace(FAST, plaintext=True)
    async with neighbourhood(tmp_path) as place:
        giver = await place.start_giver("giver", {"trip.txt": BYTES}, transport=plain)
        asker = await place.start("asker", neighbour(giver), transport=plain)
        assert await asker.linked(10)
        assert asker.key == b""
        await asker.get("trip.txt", tmp_path)
        assert (tmp_path / "trip.txt").read_bytes() == BYTES


async def test_a_node_that_reads_only_sealed_takes_nothing_from_one_in_plaintext(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        plain = await place.start("plain", transport=replace(FAST, plaintext=True))
        asker = await place.start("asker", neighbour(plain))
        assert "plaintext" in (await told(asker, DialFailed)).reason


# -- what is shared ----------------------------------------------------------------------------------------------------


async def test_a_whole_folder_is_found_and_fetched(tmp_path: Path) -> None:
    goods = {"trip/day 1/a.txt": b"a" * 70_000, "trip/b.bin": BYTES, "trip/empty.txt": b""}
    async with neighbourhood(tmp_path) as place:
        giver = await place.start_giver("giver", goods)
        asker = await place.start("asker", neighbour(giver))
        await asker.linked(10)
        (found,) = [each for each in await found_by(asker, "trip") if each.file_name == "trip"]
        assert (found.is_folder, found.size) == (True, sum(map(len, goods.values())))
        await asker.get("trip", tmp_path)
        for path, data in goods.items():
            assert (tmp_path / path).read_bytes() == data


async def test_files_of_one_name_in_different_folders_are_named_by_their_paths(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as place:
        giver = await place.start_giver("giver", {"one/a.txt": b"1", "two/a.txt": b"2"})
        asker = await place.start("asker", neighbour(giver))
        await asker.linked(10)
        with pytest.raises(AmbiguousNameError):
            await asker.get("a.txt", tmp_path)
        await asker.get("two/a.txt", tmp_path)
        assert (tmp_path / "a.txt").read_bytes() == b"2"


async def test_another_folder_is_shared_at_once_and_the_first_no_more(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
    async with neighbourhood(tmp_path) as place:
        text = configuration(await free_port(place, "x")) + "[limits]\nneighbours = 9\n"
        giver, _ = await place.start_by_file("giver", text.replace("ttl = 5", f'share = "{tmp_path / "old"}"'))
        asker = await place.start("asker", neighbour(giver))
        await asker.linked(10)
        assert (await told(giver, ShareScanned)).files == 1
        assert [each.file_name for each in await found_by(asker, "*.txt")] == ["old.txt"]
        await giver.modify("sharedir", str(tmp_path / "new"))
        assert (await told(giver, ShareScanned)).files == 1
        await told(asker, NeighbourCame, lambda event: event.link > 1)
        assert [each.file_name for each in await found_by(asker, "*.txt")] == ["new.txt"]
        assert [entry.file_name for entry in await giver.shared()] == ["new.txt"]


# -- what others make up -----------------------------------------------------------------------------------------------


def made_up(host: str, number: int = 0) -> Found:
    root, file_id = number.to_bytes(32, "big"), number.to_bytes(16, "big")
    return Found("a.bin", 5, bytes(16), root, 0, PLAIN_FILE, file_id, host, 27272, b"k" * 32, 1, "liar", 1_000)


@pytest.mark.parametrize("host", ["224.0.0.1", "ff02::1", "0.0.0.0", "::", "a.example", ""])
async def test_nothing_is_sent_to_what_is_no_address_of_one_machine(host: str, tmp_path: Path) -> None:
    fetcher = Fetcher(tmp_path / "home", FAST, "ann", lambda _: None)
    with pytest.raises(NoHolderError, match="is no address of a node"):
        await fetcher.fetch([made_up(host)], tmp_path)


async def test_of_many_holders_only_some_are_tried(tmp_path: Path) -> None:
    fetcher = Fetcher(tmp_path / "home", FAST, "ann", lambda _: None)
    with pytest.raises(NoHolderError) as caught:
        await fetcher.fetch([made_up("224.0.0.1", number) for number in range(40)], tmp_path)
    assert len(caught.value.failed) == MOST_TRIED == 16
