from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.chat.search import MAX_QUERY_TERMS, index_terms, matches, query_terms
from udpchat.errors import ErrorCode, StorageError


def finds(words: str, text: str) -> bool:
    return matches(query_terms(words), index_terms(text).split(" "))


FOUND = [
    ("hello", "Hello, world!"),
    ("HELLO", "say hello"),
    ("creme brulee", "Crème Brûlée"),
    ("Crème", "creme"),
    ("ЁЛКА", "елка"),
    ("İstanbul", "istanbul"),
    ("strasse", "Straße"),
    ("ﬁle", "file"),
    ("ABC", "ＡＢＣ"),
    ("كتاب", "كِتَاب"),
    ("पानी", "ठंडा पानी"),
    ("world hello", "hello, cruel world"),
    ('"cruel world"', "hello, cruel world"),
    ("“cruel world”", "hello, cruel world"),
    ('"cruel wor"*', "hello, cruel world"),
    ('"cruel world', "hello, cruel world"),
    ("hel*", "hello"),
    ("hello*", "hello"),
    ("tea-time", "it is tea time"),
    ("report_v2.pdf", "see report_v2.pdf, please"),
    ("v2", "report_v2.pdf"),
    ("🎉", "done 🎉🎉"),
    ("hello !", "hello"),
    ("吃饭", "我们去吃饭吧"),
    ("聊天", "局域网聊天室"),
    ("局域网聊天室", "局域网聊天室"),
    ("吧", "我们去吃饭吧"),
    ("们", "我们去吃饭吧"),
    ("我", "我"),
    ("饭*", "我们去吃饭吧"),
    ("聊天", "udp聊天2号"),
    ("聊天2", "udp聊天2号"),
    ("udp聊", "udp聊天2号"),
    ("天2号", "udp聊天2号"),
    ("号", "udp聊天2号"),
    ("カタカナ", "ｶﾀｶﾅとひらがな"),
    ("がな", "ひらがな"),
    ("한국", "대한국어"),
    ("時々", "時々来る"),
    ("𠀀𠀁", "x𠀀𠀁𠀂"),
    ("AND OR NOT NEAR", "near and not or"),
    ("NEAR(", "near"),
    ("terms:hello", "terms: hello"),
    ("{scope}", "scope"),
    ("^hello", "hello"),
    ('hello"', "hello"),
]

NOT_FOUND = [
    ("饭吃", "我们去吃饭吧"),
    ("吃吧", "我们去吃饭吧"),
    ("天饭", "聊天 饭"),
    ("聊天室", "聊天 室"),
    ("聊天2", "聊天室2"),
    ("hell", "hello"),
    ("ello", "hello"),
    ("elo*", "hello"),
    ('"world cruel"', "hello, cruel world"),
    ("hello moon", "hello, world"),
    ("かき", "かぎ"),
    ("가나", "가 나"),
    ("पना", "पानी"),
    ("", "hello"),
    ("   ", "hello"),
    ('*"-(:)^', "hello"),
    ('""', ""),
    ("hello", ""),
]


@pytest.mark.parametrize(("words", "text"), FOUND)
def test_words_are_found(words: str, text: str) -> None:
    assert finds(words, text)


@pytest.mark.parametrize(("words", "text"), NOT_FOUND)
def test_other_words_are_not_found(words: str, text: str) -> None:
    assert not finds(words, text)


def test_runs_without_spaces_become_overlapping_pairs_and_their_last_character() -> None:
    assert index_terms("我们去吃饭吧") == "我们 们去 去吃 吃饭 饭吧 吧"
    assert index_terms("udp聊天2号") == "udp 聊天 天 2 号"
    assert index_terms("?!") == ""


def test_a_query_has_a_limit() -> None:
    assert len(query_terms("a " * MAX_QUERY_TERMS)) == MAX_QUERY_TERMS
    for words in ("a " * (MAX_QUERY_TERMS + 1), "饭" * (MAX_QUERY_TERMS + 2)):
        with pytest.raises(StorageError, match="use fewer") as refused:
            query_terms(words)
        assert refused.value.code == ErrorCode.TEXT_NOT_ALLOWED


CHINESE = st.text("我们去吃饭吧聊天", min_size=2, max_size=12)


@given(text=CHINESE, start=st.integers(0, 10), length=st.integers(2, 12))
def test_any_part_of_a_run_of_two_or_more_is_found_and_nothing_else(text: str, start: int, length: int) -> None:
    assert finds(text[start : start + length], f"x{text}y") == bool(text[start : start + length])


@given(query=CHINESE, text=CHINESE)
def test_a_run_is_found_exactly_where_it_is(query: str, text: str) -> None:
    assert finds(query, text) == (query in text)


@given(text=st.text(max_size=30))
def test_terms_are_what_the_index_keeps_as_it_is(text: str) -> None:
    for term in index_terms(text).split(" "):
        assert all(ord(letter) > 127 or letter.islower() or letter.isdigit() for letter in term)


@given(words=st.text(max_size=30), text=st.text(max_size=30))
def test_any_text_may_be_looked_for_and_looked_in(words: str, text: str) -> None:
    assert finds(words, text) in {True, False}
