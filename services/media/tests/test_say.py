"""Values in words, as people of the language say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_media.domain.say import SayError, words

ENGLISH = [
    ("number", "0", "zero"),
    ("number", "21", "twenty one"),
    ("number", "105", "one hundred and five"),
    ("number", "1001", "one thousand and one"),
    ("number", "1234567", "one million two hundred and thirty four thousand five hundred and sixty seven"),
    ("number", "-12.50", "minus twelve point five"),
    ("digits", "10*#", "one, zero, star, pound"),
    ("money", "1.01 USD", "one dollar and one cent"),
    ("money", "0.50 GBP", "fifty pence"),
    ("money", "120 EUR", "one hundred and twenty euros"),
    ("date", "2026-11-22", "November twenty second, twenty twenty six"),
    ("date", "2005-03-01", "March first, two thousand and five"),
    ("date", "1909-05-30", "May thirtieth, nineteen oh nine"),
    ("time", "00:05", "twelve oh five A M"),
    ("time", "14:00", "two o'clock P M"),
    ("time", "23:45", "eleven forty five P M"),
]
CHINESE = [
    ("number", "0", "零"),
    ("number", "10", "十"),
    ("number", "15", "十五"),
    ("number", "110", "一百一十"),
    ("number", "1005", "一千零五"),
    ("number", "10010", "一万零一十"),
    ("number", "100000000", "一亿"),
    ("number", "120030004", "一亿二千零三万零四"),
    ("number", "-3.14", "负三点一四"),
    ("digits", "110#", "幺, 幺, 零, 井号"),
    ("money", "12.05", "十二元零五分"),
    ("money", "12.50", "十二元五角"),
    ("money", "99.90 USD", "九十九点九美元"),
    ("date", "2026-11-22", "二零二六年十一月二十二日"),
    ("time", "14:05", "下午两点零五分"),
    ("time", "09:00", "上午九点整"),
    ("time", "12:30", "中午十二点三十分"),
]


@pytest.mark.parametrize(("kind", "value", "said"), ENGLISH)
def test_english(kind: str, value: str, said: str) -> None:
    assert words(kind, value, "en-gb") == said


@pytest.mark.parametrize(("kind", "value", "said"), CHINESE)
def test_chinese(kind: str, value: str, said: str) -> None:
    assert words(kind, value, "zh-CN") == said


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from(["en", "zh"]))
def test_every_number_has_words_and_no_figures(value: int, language: str) -> None:
    said = words("number", str(value), language)
    assert said
    assert not any(char.isdigit() and char.isascii() for char in said)
    if language == "zh":
        assert "零零" not in said
        assert not (said.endswith("零") and value)


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=2, unique=True), st.sampled_from(["en", "zh"]))
def test_different_numbers_sound_different(values: list[int], language: str) -> None:
    assert words("number", str(values[0]), language) != words("number", str(values[1]), language)


def test_other_languages_read_the_value_as_it_stands() -> None:
    assert words("number", "12", "de") == "12"
    assert words("digits", "12", "de") == "1, 2"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("number", "1e9"), ("money", "12.345"), ("date", "2026-02-30"), ("time", "25:00"), ("digits", "12a")],
)
def test_what_is_not_of_its_kind_is_refused_with_its_rule(kind: str, value: str) -> None:
    with pytest.raises(SayError, match="must be"):
        words(kind, value, "en")
