from __future__ import annotations

import pytest

from conflictscope.llm.thought import Parted, part


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("B", "", "B"),
        ("<think>I would choose A. No, B it is.</think>\n\nB", "I would choose A. No, B it is.", "B"),
        ("<THINK>hm</THINK>B", "hm", "B"),
        ("<thinking>hm</thinking>B", "hm", "B"),
        ("[THINK]hm[/THINK]B", "hm", "B"),
        ("◁think▷hm◁/think▷B", "hm", "B"),
        ('<think kind="long">hm</think>B', "hm", "B"),
        # the template opened it
        ("I would choose A.\n</think>\nB", "I would choose A.", "B"),
        ("<think>A</think>B<think>or A</think> it is.", "A\n\nor A", "B it is."),
        ("<think>it says <think> here</think>B", "it says <think> here", "B"),
        ("<think>a <think>b</think> c</think>B", "a <think>b\n\nc", "B"),
        ("<think></think>B", "", "B"),
        ("<reasoning>A</reasoning>\nB", "A", "B"),
        ("<antThinking>A</antThinking>B", "A", "B"),
        ("<scratchpad>\nA\n</scratchpad>\n\nB", "A", "B"),
        ("<thinking>A</thinking><reflection>Or B?</reflection>B", "A\n\nOr B?", "B"),
        (
            "<|begin_of_thought|>A<|end_of_thought|>\n\n<|begin_of_solution|>\nB\n<|end_of_solution|>",
            "A",
            "B",
        ),
        (
            "<|channel|>analysis<|message|>Choose A?<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
            "analysis Choose A?  assistant",
            "B",
        ),
    ],
)
def test_what_was_thought_is_told_from_the_answer(text: str, thought: str, answer: str) -> None:
    assert part(text) == Parted(thought, answer)


@pytest.mark.parametrize(
    "text",
    [
        "<think>At first sight I would choose A. But",
        "<think>I would choose A.</thi",
        "B <think>or rather",
        "<think>A</think>B<think>or",
        "<scratchpad>A, or",
        "<|begin_of_thought|>A",
        "<|channel|>analysis<|message|>I would choose A",
    ],
)
def test_a_thought_that_never_ends_leaves_no_answer(text: str) -> None:
    parted = part(text)
    assert parted.unfinished
    assert parted.answer == ""
    assert parted.thought
    assert "</thi" not in parted.thought
