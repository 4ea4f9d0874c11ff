"""How an action in nobody's phrases appeals to a target: real and imported scenarios, with or without a value pair.

Simulated LLMs have no moral judgement. Here they go by words that people use of what one may do and of what one may not:
"I lie", "I steal", "without permission" count against an action, "I admit", "I help", "as promised" for it, and what is
denied ("I do not lie") is turned round. So of two actions of which one plainly breaks a rule they mostly take the other, as
real LLMs do, and where the words say nothing they have a taste of their own, which is fixed for the action's text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from conflictscope.llm.simulator import draws

_WRONG = re.compile(
    r"\b(?:ly?ing|lies?|lied|steal\w*|stole|kill\w*|murder\w*|poison\w*|cheat\w*|threat\w*|blackmail\w*|forc(?:e|es|ing|ibly|efully)|"
    r"ignor\w+|neglect\w*|abandon\w*|plagiari\w+|fabricat\w+|fak(?:e|es|ing)|forg(?:e|es|ing)|falsif\w+|manipulat\w+|"
    r"tamper\w*|exaggerat\w+|mislead\w*|deceiv\w*|pretend\w*|trick\w*|conceal\w*|hid(?:e|es|ing)|secretly|sneak\w*|cover up|"
    r"blam(?:e|es|ing)|mock\w*|insult\w*|humiliat\w+|ridicul\w+|tease|yell\w*|scream\w*|shout\w*|berate|belittle|bully\w*|"
    r"harm\w*|hurt\w*|hit|punch\w*|attack\w*|assault\w*|beat|kick\w*|shoot\w*|stab\w*|injur\w*|damag\w+|destroy\w*|vandali\w+|"
    r"sabotag\w+|discriminat\w+|exploit\w*|coerc\w+|confin\w+|lock\w*|trap\w*|imprison\w*|restrict\w*|den(?:y|ies)|"
    r"reckless\w*|careless\w*|negligen\w+|drunk|speed(?:ing)?|illegal\w*|brib\w+|collud\w+|evad\w+|smuggl\w+|gossip\w*|"
    r"spread\w*|leak\w*|betray\w*|break(?:ing)?|broke|copy|copying|cut corners|walk away|drive away|leave \w+ (?:behind|alone)|"
    r"fail to|procrastinat\w+|careless|unsafe|dangerous\w*|inappropriate\w*|selfish\w*|for personal (?:gain|use)|"
    r"unfair\w*|withhold\w*|euthani\w+|drug(?:ging)? (?:him|her|them|my)|prevent (?:them|him|her|my|certain)|block\w*|refus\w+ to help|"
    r"without (?:\w+ ){0,3}(?:consent|permission|informing|warning|telling|paying|approval|knowledge|authori[sz]ation)|"
    r"despite|even though|regardless of (?:the|their|any))\b"
)
_RIGHT = re.compile(
    r"\b(?:honest\w*|truth\w*|admit\w*|confess\w*|apologi\w+|report\w*|return (?:it|the)|help\w*|assist\w*|support\w*|encourag\w+|"
    r"respect\w*|safe(?:ty|ly)?|protect\w*|ensur\w+|careful\w*|fair\w*|follow\w*|comply|according to|legal(?:ly)?|lawful\w*|"
    r"responsib\w+|as promised|promised?|keep my|provid\w+|offer\w*|explain\w*|inform\w*|discuss\w*|listen\w*|"
    r"compromise|polite\w*|gently|kind\w*|patient\w*|understand\w*|seek\w*|professional\w*|appropriate\w*|necessary|"
    r"accommodat\w+|includ\w+|welcom\w+|enjoy\w*|allow\w*|let (?:them|him|her|my|the)|treat\w*|thank\w*|compliment\w*|"
    r"investigat\w+|consent|permission|accurate\w*|transparent\w*|hard work|diligent\w*|refus\w+ (?:the|to (?!help))|declin\w+)\b"
)
_DENIED = re.compile(
    r"\b(?:not|never|avoid\w*|refrain\w*|refus\w+ to|without|prevent\w*|instead of|rather than|minimi[sz]\w+|stop\w*)\s+(?:\w+\s+){0,2}$"
)
_FIRST_WORDS = 40


@lru_cache(maxsize=8192)
def rightness(text: str) -> float:
    """Between -1 and 1: how plainly an action's words speak of what one may do (above 0) or may not."""
    low = " ".join(text.lower().split())
    score = 0.0
    for expression, sign in ((_WRONG, -1.0), (_RIGHT, 1.0)):
        for match in expression.finditer(low):
            denied = _DENIED.search(low[max(match.start() - _FIRST_WORDS, 0) : match.start()]) is not None
            score += -sign if denied else sign
    return max(-1.0, min(1.0, score / 2))


def appeal(text: str, *, llm: str, seed: int) -> float:
    """In logits: most of it from the words, the rest in part everybody's taste and in part this llm's."""
    everyone, own = draws.normal("appeal", text), draws.normal(seed, llm, "appeal", text)
    return 4.0 * rightness(text) + 0.6 * everyone + 0.5 * own
