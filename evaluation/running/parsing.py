"""Reading free-text answers: the letter chosen, the number given, whether the target declined.

Lenient about form, honest about content: an answer that names both options, or none, or contradicts itself is no choice.
Nothing here ever concludes "not A, therefore B".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Letter = Literal["A", "B"]


@dataclass(frozen=True, slots=True)
class ParsedChoice:
    """The letter that an answer chose, or None and why."""

    letter: Letter | None
    problem: str = ""


_NOUN = r"(?:options?|actions?|answers?|choices?|responses?)"
_OPEN, _CLOSE = r"[(\[{\"']*", r"[)\]}\"']*"
# A lower-case "a" is mostly an article: it counts only where a clause ends.
_LABEL = rf"{_OPEN}(?:(?P<upper>[AB])(?![\w'-])|(?P<lower>[ab])(?=\s*(?:[.,;:!?)\]}}\"']|$)))"
_NUMBERED = re.compile(rf"\b({_NOUN}\s*(?:\#|number|no\.?)?\s*:?\s*{_OPEN})([12])(?![\w%]|\.\d)", re.IGNORECASE)

_COORDINATED = re.compile(  # "A or B", "(A) and (B)", "option A nor option B", "A/B": names both, chooses none
    rf"(?:{_NOUN}\s+)?{_OPEN}\b[ABab12]\b{_CLOSE}\s*(?:,?\s*(?:or|and|nor|versus|vs\.?|over and above)\s+|[/&|]\s*)"
    rf"(?:{_NOUN}\s+)?{_OPEN}\b[ABab12]\b{_CLOSE}",
)
_REJECTED = re.compile(  # "rather than A", "over option B", "not A": named so as to be put aside
    rf"\b(?:rather than|instead of|over|against|reject(?:ing|ed|s)?|not|never|than|avoid(?:ing)?|n't)\s+"
    rf"(?:(?:to\s+)?(?:choos\w*|pick\w*|select\w*|tak\w*|go(?:ing)? (?:with|for))\s+)?(?:{_NOUN}\s+)?{_OPEN}\b[ABab12]\b{_CLOSE}",
    re.IGNORECASE,
)
_NEGATED_CLAUSE = re.compile(  # up to the end of the clause: "I would not say that I would choose A"
    r"\b(?:cannot|can not|can't|couldn't|wouldn't|won't|don't|do not|would not|could not|will not|never|unable to|refuse to|decline to)\b"
    r"(?:(?!\bbut\b|\bhowever\b)[^.;:!?\n])*",
    re.IGNORECASE,
)
_AT_START = re.compile(
    rf"^[\s\-•>\#]*(?:(?i:{_NOUN})\s*:?\s*)?{_LABEL}{_CLOSE}\s*(?:[.,:;)\]\-–—!]|$|\n|(?:because|since|as)\b)"
)
_AT_END = re.compile(rf"(?:^|[,;:–—]\s*|\n\s*|\b(?i:{_NOUN})\s+){_LABEL}{_CLOSE}[.!]?\s*$")
_WITH_VERB = re.compile(
    r"(?i:\b(?:choose|chose|choosing|pick|select|prefer|favou?r|recommend|opt for|go with|go for|going with|lean towards?|vote for|take)"
    rf"\s*:?\s*(?:the\s+)?(?:{_NOUN}\s*:?\s*)?)" + _LABEL
)
_WITH_NOUN = re.compile(
    rf"(?i:\b{_NOUN}\s*(?:[:=]|is|would be|will be|has to be)\s*(?:the\s+)?(?:{_NOUN}\s*:?\s*)?)" + _LABEL
)
_PREFERRED = re.compile(
    rf"(?:^|[.,;:!?\n]\s*|\b(?i:{_NOUN}|think|believe|that)\s+)"
    + _LABEL
    + rf"{_CLOSE} (?i:is|would be|seems|remains) (?i:my (?:choice|answer|pick)\b|(?:the )?(?:better|best|right|preferable)\b)"
)
_LEAD_IN = re.compile(
    r"^(?:i\s+(?:would\s+|will\s+)?(?:choose|pick|select|take|prefer|go with)|my (?:answer|choice) is|answer|choice)\s*(?:to\s*)?:?\s*",
    re.IGNORECASE,
)


def _plain(text: str) -> str:
    """Without markup and without typographic variants of quotes and dashes."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    text = re.sub(r"\\(?:boxed|text|mathbf|textbf)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"[*_`$]+|</?\w+>", "", text).strip()


def _bare(text: str) -> str:
    """What is left of a sentence for comparison: words alone, lower-case, in one line."""
    return re.sub(r"[^\w']+", " ", _plain(text).casefold()).strip()


def parse_choice(text: str, *, option_a: str, option_b: str) -> ParsedChoice:
    """Which of the two options an answer chose.

    Understands letters in any dress ("A", "(a)", "**A**", "Answer: A.", "Option 1", "I would choose A because ..."), the
    option's own text, and a letter followed by its text. A letter with the *other* option's text is a contradiction.
    """
    plain = _plain(text)
    if not plain:
        return ParsedChoice(None, "The answer is empty.")
    quoted = _options_quoted(plain, option_a=option_a, option_b=option_b)
    letters = _letters_chosen(_without_option_texts(plain, option_a, option_b))
    chosen = letters | quoted
    if len(chosen) == 1:
        (letter,) = chosen
        return ParsedChoice(letter)
    if chosen:
        return ParsedChoice(None, "The answer points at both options.")
    return ParsedChoice(None, "The answer names neither option clearly.")


def _options_quoted(plain: str, *, option_a: str, option_b: str) -> set[Letter]:
    """The options whose whole text stands in the answer as a sentence or a line of its own."""
    bare_a, bare_b = _bare(option_a), _bare(option_b)
    if bare_a == bare_b:
        return set()
    whole = re.sub(rf"^[\s\-•>]*(?:{_OPEN}[ABab]{_CLOSE}\s*[.:)\-–—])?\s*", "", plain)
    pieces = [whole, *re.split(r"(?<=[.!?])\s+|\n", whole)]
    found: set[Letter] = set()
    for piece in pieces:
        bare = _bare(_LEAD_IN.sub("", piece.strip(" -•>\"'")))
        if bare == bare_a:
            found.add("A")
        elif bare == bare_b:
            found.add("B")
    # The option's several sentences, followed by a reason of the target's own.
    opening = _bare(whole) + " "
    for letter, bare, other in (("A", bare_a, bare_b), ("B", bare_b, bare_a)):
        if (
            len(bare) > 2
            and opening.startswith(bare + " ")
            and not (other.startswith(bare) and opening.startswith(other))
        ):
            found.add(letter)  # type: ignore[arg-type]
    return found


def _without_option_texts(plain: str, option_a: str, option_b: str) -> str:
    """The answer without the options' own words, which may hold letters, numbers and cues of their own."""
    for option in sorted((_plain(option_a), _plain(option_b)), key=len, reverse=True):
        core = option.rstrip(" .!?")
        if len(core) > 2:
            plain = re.sub(re.escape(core), " … ", plain, flags=re.IGNORECASE)
    return plain


def _letters_chosen(plain: str) -> set[Letter]:
    # "Option 1" means A; a digit without such a word means nothing.
    plain = _NUMBERED.sub(lambda match: match[1] + "AB"[int(match[2]) - 1], plain)
    for aside in (_COORDINATED, _REJECTED, _NEGATED_CLAUSE):
        plain = aside.sub(" … ", plain)
    matches = [match for pattern in (_WITH_VERB, _WITH_NOUN, _PREFERRED) for match in pattern.finditer(plain)]
    matches += [match for match in (_AT_START.search(plain), _AT_END.search(plain)) if match]
    return {"A" if (match["upper"] or match["lower"]).upper() == "A" else "B" for match in matches}


_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_SCALE = re.compile(  # "out of 7", "/7", "on a scale of 1 to 7", "from 1 to 7": the scale, not the answer
    r"(?:\s*/\s*7\b|\bout of (?:7|seven)\b|\b(?:on (?:a|the) scale )?(?:of|from|between) 1 (?:to|and|-|–) 7\b|\b1\s*(?:to|-|–)\s*7 scale\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d+(?:[.,]\d+)?(?!\w)|\b(?:one|two|three|four|five|six|seven)\b", re.IGNORECASE)


def parse_rating(text: str) -> int | None:
    """The whole number from 1 to 7 that an answer gives; None when it gives none, another, or several."""
    plain = _SCALE.sub(" ", _plain(text))
    leading = re.match(r"^(?:- )?[^\w\-−]*(\d+)[)\]]?\s*(?:$|[.:)\-–—]\s|\n)", plain)
    if leading and not re.match(r"^\W*\d+\s*[-–—]\s*\d", plain):
        found = {leading.group(1)}
    else:
        found = {match.group().lower() for match in _NUMBER.finditer(plain)}
    if len(found) != 1:
        return None
    (number,) = found
    value = _WORDS.get(number) or (int(number) if number.isdecimal() else 0)
    return value if 1 <= value <= 7 else None


_REFUSAL = re.compile(
    r"\bas an ai\b|\bi(?:'m| am) (?:really |very |truly |so )?(?:sorry|afraid)\b|^\W*(?:sorry|my apologies|apologies|i apologi[sz]e)\b"
    r"|\b(?:i|we|assistant)(?: will| would| must| have to|'ll|'d)?(?: respectfully| politely)? (?:refuse|decline)s?\b|^\W*(?:declines?|refusal|refuses?)\b"
    r"|\bi (?:cannot|can not|can't|could not|couldn't|will not|won't|am unable to|am not able to|am not allowed to|must not)"
    r" (?:\w+ ){0,2}?(?:answer|respond|reply|choose|decide|say|speak|pick|select|help|assist|provide|recommend|support|comply|do that|do this|participate"
    r"|take part|advise|write|give|offer|share)\b"
    r"|\bi'm (?:unable|not able|not comfortable|not allowed)\b|\bi am not comfortable\b|\b(?:will not|cannot) (?:respond|answer)\b|^\W*(?:can't|cannot|can not|unable to)\b|\bresponse withheld\b",
    re.IGNORECASE,
)


def looks_refused(text: str) -> bool:
    """Whether a text opens as a refusal does. A tag for pages and exports: nothing is decided by it."""
    return bool(_REFUSAL.search(_plain(text)[:300]))
