import os
import stat
import sys
from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.peers.settings import NeighbourConfig, PeerConfig, PeerConfigError
from udpchat.store.peer_file import PeerFile

OWN = ("127.0.0.1", "10.0.0.5", "fe80::5")
FINGERPRINT = "7f3a-91c2-0000-1111-2222-3333-4444-5555"
HEX = "ab" * 32

TOML = f"""\
# the node in the workshop
[node]
name = "alpha"
host = "127.0.0.1"   # only this machine
port = 27301
share = "shared"
ttl = 5

[limits]
ttl = 9
neighbours = 8

[[neighbour]]
# beside the window
address = "127.0.0.1:27302"
name = "beta"
key = "{FINGERPRINT}"

[[neighbour]]
address = "10.0.0.7"

[allow]
keys = ["{HEX}"]
"""

ONE = """\
[Peer-0]
ID = 1
ip_addr = 127.0.0.1
port_number = 5001  ; where it listens
share_dir = shared
ttl = 3

# the others
[Netpeers]
peer_ID = 2, 3
peer_addr = 127.0.0.1, 10.0.0.9
peer_ports = 5002 5003
"""

MANY = """\
[Peer-0]
ip_addr = 10.0.0.5
server_port = 5000
client_port = 6000
share_dir = shared
peer_list = 1, 2

[Peer-1]
ip_addr = 10.0.0.6
server_port = 5000
client_port = 6000
share_dir = elsewhere
peer_list = 0

[Peer-2]
ip_addr = 10.0.0.7
server_port = 5000
client_port = 6000
share_dir = elsewhere
peer_list = 0
"""


def peer_file(folder: Path, text: str, node: int | None = None) -> PeerFile:
    (folder / "shared").mkdir(exist_ok=True)
    path = folder / "peer.toml"
    path.write_text(text)
    return PeerFile(path, folder / "home", OWN, node)


def faults(folder: Path, text: str, node: int | None = None) -> list[str]:
    with pytest.raises(PeerConfigError) as caught:
        peer_file(folder, text, node).read()
    return [str(fault) for fault in caught.value.faults]


def test_our_own_form_is_read(tmp_path: Path) -> None:
    assert peer_file(tmp_path, TOML).read() == PeerConfig(
        name="alpha",
        host="127.0.0.1",
        port=27301,
        share=str(tmp_path / "shared"),
        ttl=5,
        max_ttl=9,
        max_neighbours=8,
        neighbours=(
            NeighbourConfig("127.0.0.1", 27302, "beta", FINGERPRINT),
            NeighbourConfig("10.0.0.7", 27272),
        ),
        allow=(HEX,),
    )


def test_the_form_with_a_list_of_neighbours_is_read(tmp_path: Path) -> None:
    assert peer_file(tmp_path, ONE).read() == PeerConfig(
        name="peer-1",
        host="127.0.0.1",
        port=5001,
        share=str(tmp_path / "shared"),
        ttl=3,
        neighbours=(NeighbourConfig("127.0.0.1", 5002, "peer-2"), NeighbourConfig("10.0.0.9", 5003, "peer-3")),
    )


def test_the_form_with_all_nodes_is_read_by_the_one_whose_address_is_ours(tmp_path: Path) -> None:
    assert peer_file(tmp_path, MANY).read() == PeerConfig(
        name="peer-0",
        host="10.0.0.5",
        port=5000,
        client_port=6000,
        share=str(tmp_path / "shared"),
        neighbours=(NeighbourConfig("10.0.0.6", 5000, "peer-1"), NeighbourConfig("10.0.0.7", 5000, "peer-2")),
    )


def test_in_a_file_of_all_nodes_a_number_says_which_is_ours(tmp_path: Path) -> None:
    one_machine = MANY.replace("10.0.0.6", "127.0.0.1").replace("elsewhere", "shared")
    found = peer_file(tmp_path, one_machine, 1).read()
    assert (found.name, found.port, [each.name for each in found.neighbours]) == ("peer-1", 5000, ["peer-0"])
    assert faults(tmp_path, one_machine) == [
        "[Peer-N], 0, 1 have an address of this machine; say with --id which of them this node is"
    ]


@pytest.mark.parametrize("text", ["", "[node]\nname = 'alpha'\n", "\ufeff[node]\nname = 'alpha'\n"])
def test_most_can_be_left_out(tmp_path: Path, text: str) -> None:
    if text:
        assert peer_file(tmp_path, text).read() == PeerConfig(name="alpha")
    else:
        assert faults(tmp_path, text) == ["[node] name, is missing; a node has a name, which its neighbours see"]


NODE = '[node]\nname = "alpha"\n'

TOML_FAULTS = {
    "no toml": ("[node]\nname = alpha\n", ["line 2, is no TOML here, at column 8"]),
    "unquoted address": ("[node]\nhost = 10.0.0.5\n", ["line 2, is no TOML here"]),
    "key twice": (NODE + "ttl = 1\nttl = 2\n", ["line 4, [node] ttl, stands there twice; remove one of the two"]),
    "unknown key": (NODE + "prot = 5\n", ["line 3, [node] prot, is not known; did you mean port?"]),
    "unknown section": (NODE + "[limit]\nttl = 1\n", ["line 3, [limit], is no section; did you mean limits?"]),
    "no section": ('name = "a"\n' + NODE, ["line 1, name, stands in no section; write [node] on a line above it"]),
    "section as key": ("node = 5\n", ["line 1, node, is a section: write [node]"]),
    "single brackets": (NODE + '[neighbour]\naddress = "a.b"\n', ["line 3, [neighbour], write [[neighbour]]"]),
    "host and interface": (
        NODE + 'host = "10.0.0.5"\ninterface = "eth0"\n',
        ["line 4, [node] interface, contradicts host: leave one of the two out"],
    ),
    "no host": (NODE + 'host = "10.0.0.500"\n', ["line 3, [node] host, '10.0.0.500' is no address"]),
    "foreign host": (NODE + 'host = "10.9.9.9"\n', ["line 3, [node] host, 10.9.9.9 is no address of this machine"]),
    "port 0": (NODE + "port = 0\n", ["line 3, [node] port, 0 is not from 1 to 65535"]),
    "large port": (NODE + "port = 65536\n", ["line 3, [node] port, 65536 is not from 1 to 65535"]),
    "port as word": (NODE + 'port = "five"\n', ["line 3, [node] port, 'five' is not from 1 to 65535"]),
    "ttl 0": (NODE + "ttl = 0\n", ["line 3, [node] ttl, 0 is not from 1 to 16"]),
    "large ttl": (NODE + "ttl = 17\n", ["line 3, [node] ttl, 17 is not from 1 to 16"]),
    "ttl above its limit": (NODE + "ttl = 5\n[limits]\nttl = 4\n", ["line 3, [node] ttl, is more than the limit of 4"]),
    "ttl above a limit that is the default": (
        NODE + "ttl = 9\n[limits]\nttl = 7\n",
        ["line 3, [node] ttl, is more than the limit of 7"],
    ),
    "true as ttl": (NODE + "ttl = true\n", ["line 3, [node] ttl, True is not from 1 to 16"]),
    "name as number": ("[node]\nname = 5\n", ['line 2, [node] name, 5 is no text; write it in quotes: "5"']),
    "long name": (f'[node]\nname = "{"x" * 33}"\n', ["line 2, [node] name, the name of a node has 1 to 32 characters"]),
    "hidden sign in name": (
        '[node]\nname = "a\u202eb"\n',
        ["line 2, [node] name, the name of a node has only visible"],
    ),
    "maybe": (NODE + 'read_only = "maybe"\n', ["line 3, [node] read_only, 'maybe' is neither true nor false"]),
    "no folder": (NODE + 'share = "nowhere"\n', ["line 3, [node] share, there is no folder "]),
    "file as folder": (NODE + 'share = "peer.toml"\n', ["line 3, [node] share, "]),
    "home in share": (NODE + 'share = "."\n', ["line 3, [node] share, "]),
    "share in home": (NODE + 'share = "home/inside"\n', ["line 3, [node] share, "]),
    "neighbour without address": (NODE + '[[neighbour]]\nname = "b"\n', ["line 3, [[neighbour]], has no address"]),
    "neighbour unknown key": (
        NODE + '[[neighbour]]\naddress = "b.c"\nkex = "x"\n',
        ["line 5, [[neighbour]] kex, is not known; did you mean key?"],
    ),
    "neighbour no address": (NODE + '[[neighbour]]\naddress = "a b"\n', ["line 4, [[neighbour]] address, 'a b' is no"]),
    "neighbour bad port": (
        NODE + '[[neighbour]]\naddress = "b.c:0"\n',
        ["line 4, [[neighbour]] address, 'b.c:0' is no"],
    ),
    "neighbour bad key": (
        NODE + '[[neighbour]]\naddress = "b.c"\nkey = "xyz"\n',
        ["line 5, [[neighbour]] key, 'xyz' is no key"],
    ),
    "itself": (
        NODE + '[[neighbour]]\naddress = "10.0.0.5:27272"\n',
        ["line 4, [[neighbour]] address, 10.0.0.5:27272 is this node itself"],
    ),
    "itself by loopback": (
        NODE + '[[neighbour]]\naddress = "localhost"\n',
        ["line 4, [[neighbour]] address, localhost:27272 is this node itself"],
    ),
    "neighbour twice": (
        NODE + '[[neighbour]]\naddress = "10.0.0.7"\n[[neighbour]]\naddress = "10.0.0.7:27272"\n',
        ["line 6, [[neighbour]] address, 10.0.0.7:27272 is named twice; remove one of the two"],
    ),
    "neighbours with one name": (
        NODE + '[[neighbour]]\naddress = "b.c"\nname = "B"\n[[neighbour]]\naddress = "b.d"\nname = "b"\n',
        ["line 8, [[neighbour]] name, two neighbours are called b; rename one"],
    ),
    "too many neighbours": (
        NODE + '[limits]\nneighbours = 1\n[[neighbour]]\naddress = "b.c"\n[[neighbour]]\naddress = "b.d"\n',
        ["line 8, [[neighbour]] address, 2 neighbours are more than the 1 that this node may have"],
    ),
    "allow no list": (NODE + f'[allow]\nkeys = "{HEX}"\n', ["line 4, [allow] keys, is a list of keys"]),
    "allow no key": (NODE + '[allow]\nkeys = ["abc"]\n', ["line 4, [allow] keys, 'abc' is no key"]),
    "everything at once": (
        '[node]\nname = 1\nttl = 99\nprot = 2\n[[neighbour]]\naddress = "?"\n',
        ["line 2, [node] name", "line 3, [node] ttl", "line 4, [node] prot", "line 6, [[neighbour]] address"],
    ),
}


@pytest.mark.parametrize("case", TOML_FAULTS)
def test_every_fault_of_our_form_names_line_and_key(tmp_path: Path, case: str) -> None:
    (tmp_path / "home" / "inside").mkdir(parents=True)
    text, expected = TOML_FAULTS[case]
    found = faults(tmp_path, text)
    assert [fault[: len(start)] for fault, start in zip(found, expected, strict=True)] == expected


def swap(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


INI_FAULTS = {
    "no assignment": (swap(ONE, "ttl = 3", "ttl 3"), ["line 6, is no KEY = VALUE; mend or remove it"]),
    "before the first section": ("ttl = 3\n" + ONE, ["line 1, stands in no section; write [Peer-0] above it"]),
    "key twice": (swap(ONE, "ttl = 3", "ttl = 3\nTTL = 4"), ["line 7, [Peer-0] TTL, stands there twice"]),
    "unknown key": (swap(ONE, "ttl", "tll"), ["line 6, [Peer-0] tll, is not known; did you mean ttl?"]),
    "key of the other form": (
        swap(ONE, "port_number", "server_port"),
        ["line 4, [Peer-0] server_port, belongs to the"],
    ),
    "unknown section": (ONE + "[Netpears]\n", ["line 13, [Netpears], is no section; did you mean netpeers?"]),
    "ttl too large": (swap(ONE, "ttl = 3", "ttl = 300"), ["line 6, [Peer-0] ttl, '300' is not from 1 to 16"]),
    "port too large": (swap(ONE, "5001", "70000"), ["line 4, [Peer-0] port_number, '70000' is not from 1 to 65535"]),
    "no number as id": (swap(ONE, "ID = 1", "ID = x"), ["line 2, [Peer-0] id, 'x' is no number"]),
    "lists of different length": (
        swap(ONE, "5002 5003", "5002"),
        ["line 10, [Netpeers] peer_id, names 2 nodes, peer_addr 2 and peer_ports 1; write as many of each"],
    ),
    "id twice": (swap(ONE, "2, 3", "2, 2"), ["line 10, [Netpeers] peer_id, 2 stands there twice; remove one"]),
    "itself": (swap(ONE, "2, 3", "1, 3"), ["line 10, [Netpeers] peer_id, 1 is this node itself"]),
    "own address": (swap(ONE, "5002", "5001"), ["line 11, [Netpeers] peer_addr, 127.0.0.1:5001 is this node itself"]),
    "neighbour's port": (swap(ONE, "5002", "0"), ["line 12, [Netpeers] peer_ports, '0' is not from 1 to 65535"]),
    "no folder": (swap(ONE, "share_dir = shared", "share_dir = nowhere"), ["line 5, [Peer-0] share_dir, there is no"]),
    "two nodes with a list": (
        ONE + "[Peer-1]\nID = 4\n",
        ["line 1, [Peer-0], contradicts [Netpeers]", "line 13, [Peer-1], contradicts [Netpeers]"],
    ),
    "only a list": ("[Netpeers]\npeer_ID = 1\n", ["[Peer-N], is missing: no section says which node this is"]),
    "unknown node in the list": (
        swap(MANY, "peer_list = 1, 2", "peer_list = 1, 7, x"),
        [
            "line 6, [Peer-0] peer_list, 7 is no node of this file; there are 1, 2",
            "line 6, [Peer-0] peer_list, x is no node of this file; there are 1, 2",
        ],
    ),
    "itself in the list": (
        swap(MANY, "peer_list = 1, 2", "peer_list = 0, Peer-1"),
        ["line 6, [Peer-0] peer_list, 0 is this node itself"],
    ),
    "node twice in the list": (
        swap(MANY, "peer_list = 1, 2", "peer_list = 1, 1"),
        ["line 6, [Peer-0] peer_list, 1 stands there twice; remove one"],
    ),
    "two sections of a number": (
        MANY + "[Peer-2]\n",
        ["line 21, [Peer-2], stands there twice; give each node a number of its own"],
    ),
    "two nodes with an address": (
        swap(MANY, "10.0.0.7", "10.0.0.6"),
        [
            "line 16, [Peer-2] ip_addr, 10.0.0.6:5000 is named twice",
            "line 17, [Peer-2] server_port, 10.0.0.6:5000 is the address of [Peer-1] too; change one",
        ],
    ),
    "neighbour without port": (
        swap(MANY, "ip_addr = 10.0.0.6\nserver_port = 5000\n", "ip_addr = 10.0.0.6\n"),
        ["line 8, [Peer-1] server_port, is missing; write it"],
    ),
    "fault in another section": (
        swap(MANY, "share_dir = elsewhere", "sharedir = elsewhere"),
        ["line 12, [Peer-1] sharedir, is not known; did you mean share_dir?"],
    ),
    "none is ours": (
        swap(MANY, "10.0.0.5", "10.0.0.4"),
        ["[Peer-N], 0, 1, 2 are there, and none has an address of this machine; say with --id which of them this"],
    ),
}


@pytest.mark.parametrize("case", INI_FAULTS)
def test_every_fault_of_the_older_forms_names_line_and_key(tmp_path: Path, case: str) -> None:
    text, expected = INI_FAULTS[case]
    found = faults(tmp_path, text)
    assert [fault[: len(start)] for fault, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("text", "node", "expected"),
    [
        (ONE, 2, "line 2, [Peer-0] ID, is 1, and --id says 2"),
        (MANY, 7, "[Peer-7], is missing; with --id one of 0, 1, 2"),
        (TOML, 1, "--id, is for files with several [Peer-N] sections; leave it out"),
    ],
)
def test_a_number_that_no_node_has_is_refused(tmp_path: Path, text: str, node: int, expected: str) -> None:
    assert faults(tmp_path, text, node) == [expected]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_cannot_be_shared(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0)
    assert "you may not read the folder" in faults(tmp_path, TOML)[0]


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "peer.toml"
    path.write_bytes(b"[node]\nname = '\xff'\n")
    with pytest.raises(PeerConfigError) as caught:
        PeerFile(path, tmp_path / "home").read()
    assert caught.value.lines == [f"{path}, line 2, is no UTF-8 text; save it as UTF-8"]


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read the configuration .*: No such file"):
        PeerFile(tmp_path / "peer.toml", tmp_path / "home").read()


# -- changing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value", "old", "new"),
    [
        (TOML, "port", "27400", "port = 27301", "port = 27400"),
        (TOML, "serverport", "27400", "port = 27301", "port = 27400"),
        (TOML, "ip", "10.0.0.5", '"127.0.0.1"   # only', '"10.0.0.5"   # only'),
        (TOML, "ttl", "8", "ttl = 5", "ttl = 8"),
        (TOML, "max-neighbours", "9", "neighbours = 8", "neighbours = 9"),
        (TOML, "allow", FINGERPRINT, f'["{HEX}"]', f'["{FINGERPRINT}"]'),
        (ONE, "serverport", "5009", "5001  ; where", "5009  ; where"),
        (ONE, "ttl", "4", "ttl = 3", "ttl = 4"),
        (MANY, "clientport", "6001", "client_port = 6000", "client_port = 6001"),
        (MANY, "peerlist", "2", "peer_list = 1, 2", "peer_list = 2"),
        (MANY, "peerlist", "1/2", "", ""),
        (MANY, "peerlist", "Peer-1", "peer_list = 1, 2", "peer_list = 1"),
        (MANY, "ttl", "4", "peer_list = 1, 2\n", "peer_list = 1, 2\nttl = 4\n"),
        (MANY, "ttl", "none", "", ""),
    ],
)
def test_a_change_touches_no_other_line(tmp_path: Path, text: str, key: str, value: str, old: str, new: str) -> None:
    file = peer_file(tmp_path, text)
    changed = file.modify(key, value)
    assert file.path.read_text() == text.replace(old, new, 1)
    assert file.read() == changed


def test_a_changed_folder_is_written_as_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    file = peer_file(tmp_path, MANY)
    assert file.modify("sharedir", "other").share == str(tmp_path / "other")
    assert f"share_dir = {tmp_path / 'other'}\npeer_list = 1, 2" in file.path.read_text()


def test_tables_in_one_line_are_changed_as_well(tmp_path: Path) -> None:
    text = 'node = {name = "alpha", ttl = 3}\nneighbour = [{address = "a.example"}, {address = "b.example"}]\n'
    file = peer_file(tmp_path, text)
    assert file.modify("ttl", "4").ttl == 4
    changed = file.modify("neighbours", "b.example/c.example:5")
    assert [each.place for each in changed.neighbours] == ["b.example:27272", "c.example:5"]
    assert file.read() == changed


def test_what_is_not_there_yet_is_added(tmp_path: Path) -> None:
    file = peer_file(tmp_path, NODE)
    file.modify("max_ttl", "9")
    file.modify("allow", HEX)
    file.modify("read_only", "no")
    changed = file.modify("peerlist", "10.0.0.7")
    assert (changed.max_ttl, changed.allow, changed.is_read_only) == (9, (HEX,), False)
    assert [each.place for each in changed.neighbours] == ["10.0.0.7:27272"]
    assert file.read() == changed


def test_an_interface_takes_the_place_of_an_address(tmp_path: Path) -> None:
    file = peer_file(tmp_path, TOML)
    changed = file.modify("interface", "eth7")
    assert (changed.interface, changed.host) == ("eth7", "")
    assert file.modify("interface", "none").interface == ""


def test_neighbours_are_named_by_name_or_address_and_keep_their_lines(tmp_path: Path) -> None:
    file = peer_file(tmp_path, TOML)
    changed = file.modify("neighbours", "beta/10.0.0.8:5000")
    assert [each.place for each in changed.neighbours] == ["127.0.0.1:27302", "10.0.0.8:5000"]
    assert changed.neighbours[0].key == FINGERPRINT
    text = file.path.read_text()
    assert "# beside the window" in text
    assert "# the node in the workshop" in text
    assert text.index("10.0.0.8:5000") < text.index("[allow]")
    assert file.modify("neighbours", "none").neighbours == ()
    assert [each.place for each in file.modify("neighbours", "b.example").neighbours] == ["b.example:27272"]


def test_neighbours_of_the_form_with_a_list_get_the_next_numbers(tmp_path: Path) -> None:
    file = peer_file(tmp_path, ONE)
    changed = file.modify("peerlist", "3/10.0.0.8:5008")
    assert [(each.name, each.place) for each in changed.neighbours] == [
        ("peer-3", "10.0.0.9:5003"),
        ("peer-4", "10.0.0.8:5008"),
    ]
    assert file.path.read_text().endswith(
        "[Netpeers]\npeer_ID = 3, 4\npeer_addr = 10.0.0.9, 10.0.0.8\npeer_ports = 5003, 5008\n"
    )


@pytest.mark.parametrize(
    ("text", "key", "value", "said"),
    [
        (TOML, "prot", "5", "prot, is not known; did you mean port?"),
        (TOML, "ttl", "99", "[node] ttl, 99 is not from 1 to 16"),
        (TOML, "port", "27302x", "'27302x' is not from 1 to 65535"),
        (TOML, "share", "nowhere", "there is no folder"),
        (TOML, "peerlist", "betta", "there is no neighbour betta; there are beta, 10.0.0.7:27272; to add one write"),
        (TOML, "peerlist", "127.0.0.1:27301", "127.0.0.1:27301 is this node itself"),
        (TOML, "clientport", "5", "clientport, is not used: everything goes over one port"),
        (TOML, "read_only", "perhaps", "is neither true nor false"),
        (TOML, "name", "none", "[node] name, is missing"),
        (MANY, "peerlist", "1/7", "there is no neighbour 7; there are peer-1, peer-2"),
        (MANY, "peerlist", "10.0.0.8:5000", "10.0.0.8:5000 has no [Peer-N] section in this file"),
        (MANY, "allow", HEX, "allow, has no place in this form of file (ini with [Peer-N]); write it anew in TOML"),
    ],
)
def test_a_change_that_cannot_be_leaves_the_file_as_it_was(
    tmp_path: Path, text: str, key: str, value: str, said: str
) -> None:
    file = peer_file(tmp_path, text)
    with pytest.raises(PeerConfigError) as caught:
        file.modify(key, value)
    assert said in str(caught.value)
    assert file.path.read_text() == text


def test_a_file_that_was_broken_meanwhile_is_not_changed(tmp_path: Path) -> None:
    file = peer_file(tmp_path, TOML)
    file.path.write_text("[node\n")
    with pytest.raises(PeerConfigError, match="line 1"):
        file.modify("ttl", "3")
    assert file.path.read_text() == "[node\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_change_keeps_the_permissions_and_a_link(tmp_path: Path, mode: int) -> None:
    file = peer_file(tmp_path, TOML)
    real = tmp_path / "real.toml"
    file.path.rename(real)
    file.path.symlink_to(real)
    real.chmod(mode)
    file.modify("ttl", "3")
    assert file.path.is_symlink()
    assert (stat.S_IMODE(real.stat().st_mode), "ttl = 3" in real.read_text()) == (mode, True)
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".new")] == []


def test_a_configuration_without_neighbours_and_folder_is_one(tmp_path: Path) -> None:
    assert peer_file(tmp_path, '[node]\nname = "alpha"\n[allow]\nkeys = []\n').read() == PeerConfig(name="alpha")
