"""What storage says when it says no: the same words whichever store says them."""

from __future__ import annotations

from udpchat.config import MAX_FILE_NAME, MAX_FILE_SIZE
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import CreatePart


def check_new(request: CreatePart) -> None:
    """StorageError when no file can have this name or size."""
    try:
        length = len(request.file_name.encode())
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= MAX_FILE_NAME:
        text = f"a file name has 1 to {MAX_FILE_NAME} bytes of text; rename the file and try again"
        raise StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
    if request.size > MAX_FILE_SIZE:
        raise StorageError(f"{request.file_name!r} is too large", ErrorCode.TOO_LARGE)


def check_same(request: CreatePart, owner: bytes, size: int) -> None:
    """StorageError when the part id was used for something else before."""
    if owner != request.owner:
        raise StorageError("this transfer id belongs to somebody else; start the transfer again")
    if size != request.size:
        text = f"{request.file_name!r} had {size} bytes when its transfer began and has {request.size} now; start anew"
        raise StorageError(text, ErrorCode.SOURCE_CHANGED)


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


def mismatch(file_name: str, expected: bytes, actual: bytes) -> StorageError:
    """What was stored is not what was sent."""
    text = f"{file_name!r} was damaged: its MD5 is {actual.hex()}, expected {expected.hex()}; send it again"
    return StorageError(text, ErrorCode.DIGEST_MISMATCH)
