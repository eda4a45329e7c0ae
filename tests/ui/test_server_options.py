"""What the options of `udpchat server` mean for the core."""

from __future__ import annotations

import pytest

from udpchat.config import Config
from udpchat.ui.cli.server_options import ServerOptions


@pytest.mark.parametrize(("users", "connections"), [(1, 2_048), (1_024, 2_048), (1_025, 2_050), (5_000, 10_000)])
def test_a_server_for_many_users_takes_connections_for_them_and_for_as_many_commands(
    users: int, connections: int
) -> None:
    config = ServerOptions(max_users=users).config()
    assert (config.max_users, config.max_connections) == (users, connections)
    assert connections >= users + Config().max_queue
