from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.files.texts import lines_of
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.studies.access import study_named
from conflictscope.values.orders import in_words, parse_order
from evaluation.steering.browsing import rankings_to_choose
from evaluation.steering.creating import create_steering, steer_by_order


class Command(ConflictScopeCommand):
    help = "Make a steering: a system prompt by an order of values, or by a text of your own, to evaluate targets with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True)
        parser.add_argument("--name", required=True, help="What evaluate_targets --steering calls it.")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--ranking", default="", help="The name of a target ranking that stands.")
        which.add_argument(
            "--order", default="", help='Such as "Honesty > Helpfulness = Harmlessness", of the dataset\'s values.'
        )
        parser.add_argument("--dataset", default="", help="Whose value set the order is of; needed with --order.")
        parser.add_argument("--text", type=Path, metavar="FILE", help="A system prompt of your own, sent as it stands.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        text = "\n".join(line.rstrip("\r\n") for _, line in lines_of(options["text"])) if options["text"] else ""
        if options["order"]:
            version = dataset_named(study, options["dataset"]).value_set_version if options["dataset"] else None
            if version is None:
                raise InvalidInput("Name by --dataset a dataset of the value set that the order is of.")
            ranks = parse_order(options["order"], version)
            steering = steer_by_order(study, version, ranks, name=options["name"], system_prompt=text)
        else:
            ranking = None
            if options["ranking"]:
                standing = rankings_to_choose(study)
                ranking = standing.filter(name=options["ranking"]).first()
                if ranking is None:
                    known = ", ".join(each.name for each in standing) or "none"
                    raise NotFound(
                        f"Study {study.slug!r} has no target ranking {options['ranking']!r} to choose; it has: {known}."
                    )
            steering = create_steering(study, name=options["name"], target_ranking=ranking, system_prompt=text)
        order = in_words(steering.target_ranking) if steering.target_ranking else "no order: no alignment is measured"
        self.stdout.write(f"Steering {steering.name!r} ({order}) sends:\n\n{steering.system_prompt}")
