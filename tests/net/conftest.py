from tests.net.party_fixture import party

__all__ = ["party"]
