from tests.files.shop import finish, listing, open_shop, upload
from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.files.events import TransferFailed


def test_a_server_that_only_gives_takes_no_file_and_says_so() -> None:
    world, (ann,) = open_shop("ann", config=Config(is_read_only=True))
    event = finish(world, ann, upload(world, ann, b"gift"))
    assert isinstance(event, TransferFailed)
    assert (event.code, event.text) == (ErrorCode.NOT_ALLOWED, "this node shares files of its own and takes none")
    assert listing(world, ann) == ()
