import pytest

pytest.register_assert_rewrite(
    "tests.store.contract",
    "tests.store.contract_history",
    "tests.store.contract_messages",
    "tests.store.contract_people",
    "tests.store.contract_rooms",
    "tests.store.actions",
    "tests.store.talk",
)
