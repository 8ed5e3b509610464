"""Texts as callers and knowledge bases have them: the same 512 in every run, 6 to 90 tokens, most short."""

import random

WORDS = """
the a my your our order refund invoice broken late kettle phone line number please cancel change address
delivery account password reset agent call back tomorrow morning after noon price quote contract renew
because when where how many days until it was is not working since last week and or but thank you very much
support team received letter shows wrong amount balance due date insurance claim appointment doctor office
"""


def _texts() -> list[str]:
    dice, words = random.Random(4), WORDS.split()
    return [
        " ".join(dice.choices(words, k=min(80, 4 + int(dice.expovariate(1 / 14))))) + "." for _ in range(512)
    ]


TEXTS = _texts()
