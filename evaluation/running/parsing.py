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


# Texts are looked at with single blanks only (`_plain`), so that no expression need try a run of blanks in every share: each one takes
# time in proportion to the text, whatever it is.
_HAN = "\u3400-\u9fff"  # words in Chinese are written without blanks: a letter stands right beside them
_BEFORE, _AFTER = rf"(?<![^\W{_HAN}])", rf"(?![^\W{_HAN}])"
_NOUN = r"(?:options?|actions?|answers?|choices?|responses?|letters?|选项|選項|选择|選擇|答案|回答|答え)"
_OPEN, _CLOSE = r"[(\[{\"']{0,4}", r"[)\]}\"']{0,4}"
_LETTER = rf"{_OPEN}{_BEFORE}[ABab12]{_AFTER}{_CLOSE}"
# A lower-case "a" is mostly an article: it counts only where a clause ends.
_LABEL = rf"{_OPEN}(?:(?P<upper>[AB])(?![^\W{_HAN}]|'\w|-)|(?P<lower>[ab])(?=\s?(?:[.,;:!?)\]}}\"']|$)))"
_NUMBERED = re.compile(rf"\b({_NOUN}\s?(?:\#|number|no\.?)?\s?:?\s?{_OPEN})([12])(?![\w%]|\.\d)", re.IGNORECASE)

_COORDINATED = re.compile(  # "A or B", "(A) and (B)", "option A nor option B", "A/B", "A, maybe B": names both, chooses none
    rf"(?:{_NOUN}\s)?{_LETTER}\s?"
    rf"(?:,?\s?\(?(?:or|and|nor|versus|vs\.?|over and above)\s(?:(?:maybe|perhaps|possibly|even|else)\s)?|[/&|]\s?"
    rf"|(?<=[)\]}}])\s?(?=[(\[{{])|[,;]?\s?\(?(?:maybe|perhaps|possibly)\s|,?\s?(?:和|或者?|还是|還是|与|與|及|跟)\s?)"
    rf"(?:the\s)?(?:{_NOUN}\s?)?{_LETTER}",
)
_REJECTED = re.compile(  # "rather than A", "over option B", "not A": named so as to be put aside
    rf"\b(?:rather than|instead of|over|against|reject(?:ing|ed|s)?|not|never|than|avoid(?:ing)?|n't)\s"
    rf"(?:(?:to\s)?(?:choos\w*|pick\w*|select\w*|tak\w*|go(?:ing)? (?:with|for))\s)?(?:the\s)?(?:{_NOUN}\s)?{_LETTER}",
    re.IGNORECASE,
)
_NEGATED_CLAUSE = re.compile(  # up to the end of the clause: "I would not say that I would choose A"
    r"(?:\b(?:cannot|can not|can't|couldn't|wouldn't|won't|don't|do not|would not|could not|will not|never|unable to|refuse to|decline to)\b"
    r"|不|没|沒|别选|無法|无法|拒绝|拒絕)(?:(?!\bbut\b|\bhowever\b|但)[^.;:!?\n])*",
    re.IGNORECASE,
)
_AT_START = re.compile(
    rf"^[\s\-•>\#]*+(?:(?:[Tt]he\s)?(?i:{_NOUN})\s?:?\s?)?{_LABEL}{_CLOSE}\s?(?:[.,:;)\]\-–—!]|$|\n|(?:because|since|as)\b|因)"
)
_AT_END = re.compile(rf"(?:^|[,;:–—]\s?|\n\s?|\b(?i:{_NOUN})\s){_LABEL}{_CLOSE}[.!]?\s?$")
_WITH_VERB = re.compile(
    r"(?i:(?:\b(?:choose|chose|choosing|pick|select|prefer|favou?r|recommend|opt for|go with|go for|going with|lean towards?|vote for|take)"
    rf"|选择|選擇|选|選)\s?:?\s?(?:the\s)?(?:{_NOUN}\s?:?\s?)?)" + _LABEL
)
_WITH_NOUN = re.compile(
    rf"(?i:(?:\b|(?<=[{_HAN}])){_NOUN}[\"']?\s?(?:[:=\-–—]|is|would be|will be|has to be|是|为|為|は)\s?(?:the\s)?(?:{_NOUN}\s?:?\s?)?)"
    + _LABEL
)
_PREFERRED = re.compile(
    rf"(?:^|[.,;:!?\n]\s?|\b(?i:{_NOUN}|think|believe|that)\s)"
    + _LABEL
    + rf"{_CLOSE} (?i:is|would be|seems|remains) (?i:my (?:choice|answer|pick)\b|(?:the )?(?:better|best|right|preferable)\b)"
)
_LEAD_IN = re.compile(
    r"^(?:i\s(?:would\s|will\s)?(?:choose|pick|select|take|prefer|go with)|my (?:answer|choice) is|answer|choice)\s?(?:to\s)?:?\s?",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\(?:boxed|text|textbf|textit|mathbf|mathrm|mathbb|fbox)\s?\{([^{}]*+)\}")
_DEEPEST_BOX = 4
_DRAWN_OVER = "\u0332\u0333\u0335\u0336\ufe0f"  # lines under or through a letter
# Signs that stand for others: quotes of other languages, brackets, letters in a square, the full stop of Chinese.
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("’‘‚‛‹›´", "'"),
        **dict.fromkeys("“”„‟«»「」『』", '"'),
        **dict.fromkeys("【〔〖⟨《〈", "["),
        **dict.fromkeys("】〕〗⟩》〉", "]"),
    }
    | {"🅰": "A", "🅱": "B", "。": ".", "、": ",", "−": "-"}
)


def _plain(text: str) -> str:
    """Without markup, invisible characters and typographic variants; blanks stand alone, and no line is empty."""
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    text = "".join(each for each in text if unicodedata.category(each) != "Cf" and each not in _DRAWN_OVER)
    text = _without_blanks(text)
    for _ in range(_DEEPEST_BOX):
        text, boxes = _BOXED.subn(r"\1", text)
        if not boxes:
            break
    return _without_blanks(re.sub(r"[*_`$]+|</?\w+>", "", text))


def _without_blanks(text: str) -> str:
    return "\n".join(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)


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
    whole = re.sub(rf"^[\s\-•>]*+(?:{_OPEN}[ABab]{_CLOSE}\s?[.:)\-–—])?\s?", "", plain)
    pieces = [whole, *re.split(r"(?<=[.!?])\s|\n", whole)]
    letters: set[Letter] = set()
    for piece in pieces:
        bare = _bare(_LEAD_IN.sub("", piece.strip(" -•>\"'")))
        if bare == bare_a:
            letters.add("A")
        elif bare == bare_b:
            letters.add("B")
    # The option's several sentences, followed by a reason of the target's own.
    opening = _bare(whole) + " "
    options: tuple[tuple[Letter, str, str], ...] = (("A", bare_a, bare_b), ("B", bare_b, bare_a))
    for letter, bare, other in options:
        if (
            len(bare) > 2
            and opening.startswith(bare + " ")
            and not (other.startswith(bare) and opening.startswith(other))
        ):
            letters.add(letter)
    return letters


def _without_option_texts(plain: str, option_a: str, option_b: str) -> str:
    """The answer without the options' own words, which may hold letters, numbers and cues of their own."""
    for option in sorted((_plain(option_a), _plain(option_b)), key=len, reverse=True):
        core = option.rstrip(" .!?")
        if len(core) > 2:
            plain = _without(plain, core)
    return plain


def _without(text: str, words: str) -> str:
    """A text without some words in whatever case. Searched for as they are: an expression would begin anew at each letter."""
    lower, sought = _lower(text), _lower(words)
    parts, at = [], 0
    while (start := lower.find(sought, at)) >= 0:
        parts.append(text[at:start])
        at = start + len(sought)
    return " … ".join([*parts, text[at:]])


def _lower(text: str) -> str:
    """In lower case, as many characters as before."""
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


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
    r"(?:/\s?7\b|\bout of (?:7|seven)\b|\b(?:on (?:a|the) scale )?(?:of|from|between) 1 (?:to|and|-|–) 7\b|\b1\s?(?:to|-|–)\s?7 scale\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,])-?\d++(?:[.,]\d++)?(?!\w)|\b(?:one|two|three|four|five|six|seven)\b", re.IGNORECASE)


def parse_rating(text: str) -> int | None:
    """The whole number from 1 to 7 that an answer gives; None when it gives none, another, or several."""
    plain = _SCALE.sub(" ", _plain(text))
    leading = re.match(r"^(?:- )?[^\w\-]*+(\d++)[)\]]?\s?(?:$|[.:)\-–—]\s|\n)", plain)
    if leading and not re.match(r"^\W*+\d++\s?[-–—]\s?\d", plain):
        numbers = {leading.group(1)}
    else:
        numbers = {match.group().lower() for match in _NUMBER.finditer(plain)}
    if len(numbers) != 1:
        return None
    (number,) = numbers
    value = _WORDS.get(number) or (int(number) if number.isdecimal() and len(number) < 10 else 0)
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
