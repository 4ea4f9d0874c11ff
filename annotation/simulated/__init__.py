"""Annotators of known accuracy, speed and bias, who stand in for people in the demo, in tests and in benchmarks.

They work as a person's program would, over HTTP through the labelling API: each reads the sheet that a person would be shown,
knows the truth of its text as the simulator does, and answers with errors of a chosen kind. Their places in a campaign are
marked as simulated.
"""

from annotation.simulated.answering import Annotator
from annotation.simulated.client import LabellingClient, Refused
from annotation.simulated.working import Labelled, label_campaign, simulated_in, so_far

__all__ = ["Annotator", "Labelled", "LabellingClient", "Refused", "label_campaign", "simulated_in", "so_far"]
