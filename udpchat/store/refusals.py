"""What storage says when it says no: the same words whichever store says them."""

from __future__ import annotations

from udpchat.config import MAX_FILE_NAME, MAX_FILE_SIZE, MAX_FOLDER_MEMBERS
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.blocks import HASH_SIZE
from udpchat.files.ports import CompareBlocks, CreatePart
from udpchat.wire.numbers import FileFlag


def check_new(request: CreatePart) -> None:
    """StorageError when no file can have this name or size, or no folder so many members."""
    try:
        length = len(request.file_name.encode())
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= MAX_FILE_NAME:
        text = f"a file name has 1 to {MAX_FILE_NAME} bytes of text; rename the file and try again"
        raise StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
    if request.size > MAX_FILE_SIZE:
        raise StorageError(f"{request.file_name!r} is too large", ErrorCode.TOO_LARGE)
    if request.members > MAX_FOLDER_MEMBERS:
        text = f"{request.file_name!r} has more than {MAX_FOLDER_MEMBERS} files and folders in it; send it in parts"
        raise StorageError(text, ErrorCode.TOO_LARGE)
    is_folder = bool(request.flags & FileFlag.FOLDER)
    if (request.members and not is_folder) or (request.size and is_folder and not request.members):
        raise StorageError(f"{request.file_name!r} cannot be so large with nothing in it", ErrorCode.INCOMPLETE)


def check_same(request: CreatePart, owner: bytes, size: int, members: int | None = None) -> None:
    """StorageError when the part id was used for something else before."""
    if owner != request.owner:
        raise StorageError("this transfer id belongs to somebody else; start the transfer again")
    if size != request.size:
        text = f"{request.file_name!r} had {size} bytes when its transfer began and has {request.size} now; start anew"
        raise StorageError(text, ErrorCode.SOURCE_CHANGED)
    if members is not None and members != request.members:
        text = f"{request.file_name!r} had {members} files in it when its transfer began, not {request.members}"
        raise StorageError(f"{text}; start anew", ErrorCode.SOURCE_CHANGED)


def check_hashes(request: CompareBlocks) -> None:
    """UsageError when these cannot be hashes of blocks."""
    if request.first < 0 or len(request.hashes) % HASH_SIZE:
        raise UsageError(f"hashes of blocks have {HASH_SIZE} bytes each")


def in_pieces(file_name: str) -> StorageError:
    """A sender leaves holes wherever it can, and each takes memory."""
    return StorageError(f"{file_name!r} arrives in too many pieces; send it again", ErrorCode.FLOW_CONTROL)


def unknown_part() -> StorageError:
    """There is no such part."""
    return StorageError("this transfer is not known here; start it again", ErrorCode.UNKNOWN_TRANSFER)


def unknown_file() -> StorageError:
    """There is no such stored file."""
    return StorageError("there is no such file; ask for the list again", ErrorCode.UNKNOWN_FILE)


def no_local_file(path: str) -> StorageError:
    """There is no such file of the user."""
    return StorageError(f"{path}: no such file", ErrorCode.UNKNOWN_FILE)


def incomplete(file_name: str, missing: int) -> StorageError:
    """A commit came before the last byte."""
    return StorageError(f"{file_name!r} is not complete: {missing} bytes are missing", ErrorCode.INCOMPLETE)


def no_index(file_name: str) -> StorageError:
    """A commit came before the last member of the folder was named."""
    return StorageError(f"{file_name!r} is not complete: the list of what is in it is missing", ErrorCode.INCOMPLETE)


def mismatch(file_name: str, expected: bytes, actual: bytes, member: str = "") -> StorageError:
    """What was stored is not what was sent. member: path of what is wrong in a folder, when that is known."""
    where = f" ({member!r} in it is wrong)" if member else ""
    text = f"{file_name!r} was damaged{where}: its MD5 is {actual.hex()}, expected {expected.hex()}; send it again"
    return StorageError(text, ErrorCode.DIGEST_MISMATCH)
