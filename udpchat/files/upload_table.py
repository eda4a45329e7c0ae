"""All uploads of a server, found by session, by part and by the number that they have on their connection."""

from __future__ import annotations

from udpchat.files.upload import Upload

Key = tuple[bytes, bytes]  # connection id, upload id


class UploadTable:
    """What one OPEN, or one connection's end, costs does not grow with the uploads of others."""

    def __init__(self) -> None:
        self._uploads: dict[Key, Upload] = {}
        self._by_connection: dict[bytes, dict[Key, Upload]] = {}
        self._by_part: dict[bytes, dict[Key, Upload]] = {}
        self._by_transfer: dict[tuple[bytes, int], Upload] = {}

    def __len__(self) -> int:
        return len(self._uploads)

    def find(self, key: Key) -> Upload | None:
        """The upload of a session under the id that its client gave."""
        return self._uploads.get(key)

    def find_transfer(self, connection_id: bytes, transfer_id: int) -> Upload | None:
        """The upload that has this number on its connection."""
        return self._by_transfer.get((connection_id, transfer_id))

    def holds(self, key: Key, upload: Upload) -> bool:
        """This very upload is under way."""
        return self._uploads.get(key) is upload

    def count(self, connection_id: bytes) -> int:
        """How many a connection has."""
        return len(self._by_connection.get(connection_id, ()))

    def of_connection(self, connection_id: bytes) -> list[tuple[Key, Upload]]:
        """Those of one connection."""
        return list(self._by_connection.get(connection_id, {}).items())

    def of_part(self, part_id: bytes) -> list[tuple[Key, Upload]]:
        """Those that fill one part, or want to."""
        return list(self._by_part.get(part_id, {}).items())

    def add(self, key: Key, upload: Upload) -> None:
        """One begins."""
        self._uploads[key] = upload
        self._by_connection.setdefault(key[0], {})[key] = upload
        self._by_part.setdefault(key[1], {})[key] = upload

    def number(self, connection_id: bytes, transfer_id: int, upload: Upload) -> None:
        """It has a number on its connection now."""
        self._by_transfer[(connection_id, transfer_id)] = upload

    def remove(self, key: Key, upload: Upload) -> None:
        """It is over; one that is not under way is ignored."""
        if upload.incoming is not None:
            self._by_transfer.pop((key[0], upload.incoming.transfer_id), None)
        if not self.holds(key, upload):
            return
        del self._uploads[key]
        for index, name in ((self._by_connection, key[0]), (self._by_part, key[1])):
            del index[name][key]
            if not index[name]:
                del index[name]
