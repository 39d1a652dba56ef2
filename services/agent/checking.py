"""What is wrong with a draft, by rules that need no model, and how a model's verdict is read. Pure."""

import re

_WORD = re.compile(r"\w+")
_LOOP_WORDS = 6
"""A run of so many words …"""
_LOOP_TIMES = 3
"""… said so many times is a loop, and no figure of speech."""
_VERDICT = re.compile(r"\s*[*_\"'`]*REVISE\b[*_\"'`]*\s*[:.,–—-]*\s*(?P<why>.*)", re.IGNORECASE | re.DOTALL)
_OBJECTION_CHARS_MAX = 400


def objection(question: str, answer: str, *, finish_reason: str) -> str:
    """One sentence to the writer of the draft; "" where the rules have nothing against it."""
    if not answer.strip():
        return "It is empty."
    if loops(answer):
        return "It says the same thing over and over."
    if _words(answer) == _words(question):
        return "It repeats the question and does not answer it."
    if finish_reason == "length":
        return "It breaks off at the limit of its length: be much shorter."
    return ""


def loops(text: str) -> bool:
    """Whether any run of six words comes three times."""
    words = _words(text)
    seen: dict[tuple[str, ...], int] = {}
    for at in range(len(words) - _LOOP_WORDS + 1):
        run = tuple(words[at : at + _LOOP_WORDS])
        seen[run] = seen.get(run, 0) + 1
        if seen[run] == _LOOP_TIMES:
            return True
    return False


def read_verdict(reply: str) -> str:
    """The model's objection. Whatever does not begin with REVISE and a reason is no objection."""
    found = _VERDICT.match(reply)
    if found is None:
        return ""
    return " ".join(found["why"].split())[:_OBJECTION_CHARS_MAX]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
