"""Answers without citations get those that their words call for, and no others."""

import time

import pytest

from assistd.engine.annotations.citations import Source
from assistd.engine.annotations.support import find_support

FOODS = (
    "This file describes the favorite foods of several people.\n\n"
    "Summanus Ferdinand: tacos\nTekakwitha Effie: pizza\nFilip Carola: cake"
)
WARRANTY = (
    "Warranty. The pump is covered for 36 months from the date of purchase. Wear parts such as seals "
    "are covered for 6 months. Repairs by others than authorised workshops end the warranty."
)
ANNUAL = (
    "本公司二〇二四年度營收為新臺幣三十二億元,較前一年度成長百分之十二。研發費用占營收百分之八。"
)
RULES = "年假規定:到職滿一年的員工每年有七天特休,滿三年者有十四天。請假應於三日前提出申請。"
BORING = "Chapter 4. The supply voltage of the unit is 24 V DC. Use shielded cables only."


def sources(*texts: str) -> list[Source]:
    return [Source(4, n, f"file-{n}", f"{n}.txt", text) for n, text in enumerate(texts)]


ALL = sources(FOODS, WARRANTY, ANNUAL, RULES, BORING)


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        ("What is Filip's favorite food?", "Filip's favorite food is cake.", [0]),
        ("What is Filip's favorite food?", "Cake.", [0]),
        ("How long is the pump covered?", "The warranty of the pump lasts 36 months.", [1]),
        ("How long?", "36 months from the date of purchase, as the manual says.", [1]),
        (
            "Tell me about guarantee and voltage.",
            "Wear parts such as seals are covered for 6 months only. The supply voltage is 24 V DC.",
            [1, 4],
        ),
        ("去年營收多少?", "二〇二四年度的營收為新臺幣三十二億元。", [2]),
        ("滿三年有幾天特休?", "滿三年的員工有十四天特休。", [3]),
        (
            "What does the manual say of repairs?",
            'It says: "Repairs by others than authorised workshops end the warranty", which means that '
            "you had better look for somebody nearby who is on the list of the manufacturer.",
            [1],
        ),
    ],
)
def test_what_a_result_says_is_cited(question: str, answer: str, found: list[int]) -> None:
    assert find_support(answer, question, ALL) == [ALL[n] for n in found]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who invented the telephone?", "Alexander Graham Bell invented the telephone in 1876."),
        (
            "What is Filip's favorite drink?",
            "The files do not say what Filip's favorite drink is.",
        ),
        ("What is the weight of the pump?", "I could not find the weight of the pump."),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("Thanks!", "You are welcome. Is there anything else?"),
        ("公司的總經理是誰?", "文件中沒有提到公司的總經理是誰。"),
        ("泵浦多重?", "抱歉,我在文件裡找不到泵浦的重量。"),
        ("健身房一年開放幾天?", "健身房到職滿一年的員工每年有七天特休。"),
        (
            "Where is the gym and its sauna?",
            "The gym and its sauna are covered for 6 months from the date of purchase.",
        ),
        ("Plot x", "Here is the chart that you asked for: the values grow from 1 to 9."),
        ("?", ""),
    ],
)
def test_what_no_result_says_is_not(question: str, answer: str) -> None:
    assert find_support(answer, question, ALL) == []


def test_of_equal_results_the_first_is_taken() -> None:
    twice = sources(FOODS, FOODS)
    assert find_support("Effie likes pizza.", "What does Effie like?", twice) == twice[:1]


def test_no_more_are_taken_than_wanted() -> None:
    assert len(find_support(f"{FOODS}\n{WARRANTY}\n{BORING}\n{ANNUAL}\n{RULES}", "All?", ALL)) == 3


def test_as_much_as_a_model_is_shown_takes_no_long_time() -> None:
    text = " ".join(f"word{n % 997} and more of part{n % 89}" for n in range(150))
    shown = sources(*[text] * 20)  # 16,000 tokens
    begun = time.process_time()
    find_support(text, "word5?", shown)
    assert time.process_time() - begun < 2
