"""Claims, submissions, skips and expiries in any order, against a model of a few lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from annotation.errors import AlreadySubmitted, NotEditable, NotSkipped, SkipsUsedUp, SubmittedOtherwise
from annotation.labelling import answers as labelling
from annotation.labelling import editing, routing, serving
from annotation.labelling.exclusion import leave_out, take_back
from annotation.labelling.serving import Nothing
from annotation.models import Annotation, Assignment, Campaign, Item, Participant, Revision
from conflictscope.scenarios.models import Dataset
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, all_passing, held_by
from tests.factories.scenarios import DatasetFactory

PEOPLE = 4
person_numbers = st.integers(0, PEOPLE - 1)


class Routing(RuleBasedStateMachine):
    """The model: for each item its free slots, for each person and item how they stand to each other."""

    @initialize(overlap=st.integers(1, 3), items=st.integers(1, 4), quota=st.none() | st.integers(1, 3))
    def open_campaign(self, overlap: int, items: int, quota: int | None) -> None:
        dataset = DatasetFactory(variant=Dataset.Variant.IMPORTED, generator=None)
        self.campaign: Campaign = CampaignFactory(dataset=dataset, overlap=overlap, lease_minutes=10, quota=quota)
        self.items = [item.pk for item in ItemFactory.create_batch(items, campaign=self.campaign)]
        self.people = ParticipantFactory.create_batch(PEOPLE, campaign=self.campaign)
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.overlap, self.quota = overlap, quota
        self.slots = dict.fromkeys(self.items, overlap)
        self.standing: dict[tuple[int, int], str] = {}
        self.lease_ends: dict[int, datetime] = {}
        self.surplus: set[tuple[int, int]] = set()
        self.answer: dict[tuple[int, int], str] = {}  # to the first question, as it stands
        self.before: dict[tuple[int, int], list[str]] = {}  # what an edit replaced

    def lease_of(self, person: int) -> int | None:
        return next((item for (who, item), state in self.standing.items() if who == person and state == "leased"), None)

    def expire(self, people: list[int]) -> None:
        for person in people:
            item = self.lease_of(person)
            if item is not None and self.lease_ends[person] <= self.now:
                self.standing[person, item] = "expired"
                self.slots[item] += 1

    def best(self, person: int) -> int | None:
        free = [item for item in self.items if self.slots[item]]
        untouched = [item for item in free if (person, item) not in self.standing]
        let_expire = [item for item in free if self.standing.get((person, item)) == "expired"]
        return next(iter(untouched + let_expire), None)

    def at_quota(self, person: int) -> bool:
        done = sum(state == "submitted" for (who, _), state in self.standing.items() if who == person)
        return self.quota is not None and done >= self.quota

    @rule(person=person_numbers)
    def claim(self, person: int) -> None:
        self.expire([person])
        expected = self.lease_of(person)
        new = expected is None
        if new and not self.at_quota(person):
            expected = self.best(person)
            if expected is None:
                self.expire(list(range(PEOPLE)))
                expected = self.best(person)
        elif new:
            self.expire(list(range(PEOPLE)))
        found = routing.claim(self.people[person], now=self.now)
        assert (found.item_id if found else None) == expected
        if expected is None:
            reason = serving.why_nothing(self.people[person])
            may_come = any(
                self.standing.get((person, item)) not in ("submitted", "skipped")
                and any(self.standing.get((who, item)) == "leased" for who in range(PEOPLE))
                for item in self.items
            )
            assert reason == (Nothing.QUOTA if self.at_quota(person) else Nothing.WAITING if may_come else Nothing.DONE)
        elif new:
            self.slots[expected] -= 1
            self.standing[person, expected] = "leased"
            self.lease_ends[person] = self.now + timedelta(minutes=10)

    @rule(person=person_numbers)
    def claim_what_was_shown(self, person: int) -> None:
        """Nothing is held by looking; what was shown is taken, and it is one that nobody else filled."""
        if self.lease_of(person) is not None or self.at_quota(person):
            return
        shown = serving.peek(self.people[person])
        fresh = [item for item in self.items if self.slots[item] and (person, item) not in self.standing]
        if shown is None:
            assert not fresh
            return
        item, token, order = shown
        assert item.pk in fresh
        found = routing.claim(self.people[person], wish=token, now=self.now)
        assert (found.item_id, found.token, found.action_order) == (item.pk, token, order)
        self.slots[item.pk] -= 1
        self.standing[person, item.pk] = "leased"
        self.lease_ends[person] = self.now + timedelta(minutes=10)

    @rule(person=person_numbers, which=st.integers(0, 3), answer=st.sampled_from(["yes", "no"]))
    def save_draft(self, person: int, which: int, answer: str) -> None:
        """A draft renews a lease, and takes a lapsed one up again where that takes nothing from anybody."""
        held = [item for item in self.items if (person, item) in self.standing]
        if not held:
            return
        item = held[which % len(held)]
        if self.standing[person, item] == "submitted":
            with pytest.raises(AlreadySubmitted):
                labelling.save(self.row(person, item), {"realism": answer}, now=self.now)
            return
        labelling.save(self.row(person, item), {"realism": answer}, now=self.now)
        self.answer[person, item] = answer
        if self.standing[person, item] == "leased":
            self.lease_ends[person] = self.now + timedelta(minutes=10)
        elif self.standing[person, item] == "expired" and self.slots[item] and self.lease_of(person) is None:
            self.slots[item] -= 1
            self.standing[person, item] = "leased"
            self.lease_ends[person] = self.now + timedelta(minutes=10)

    @rule(person=person_numbers, which=st.integers(0, 3), answer=st.sampled_from(["yes", "no"]))
    def submit(self, person: int, which: int, answer: str) -> None:
        """Of any item that the person ever held: a tab may have been left open."""
        held = [item for item in self.items if (person, item) in self.standing]
        if not held:
            return
        item = held[which % len(held)]
        before = self.standing[person, item]
        row = self.row(person, item)
        if before == "submitted" and self.answer[person, item] != answer:
            with pytest.raises(SubmittedOtherwise):
                labelling.submit(row, self.sheet(row, answer), now=self.now)
            return
        assert labelling.submit(row, self.sheet(row, answer), now=self.now).fresh == (before != "submitted")
        if before == "submitted":
            return
        if before in ("expired", "skipped"):
            if self.slots[item]:
                self.slots[item] -= 1
            else:
                self.surplus.add((person, item))
        self.standing[person, item] = "submitted"
        self.answer[person, item] = answer

    @rule(person=person_numbers, which=st.integers(0, 3), answer=st.sampled_from(["yes", "no"]))
    def edit(self, person: int, which: int, answer: str) -> None:
        held = [item for item in self.items if (person, item) in self.standing]
        if not held:
            return
        item = held[which % len(held)]
        row = self.row(person, item)
        if self.standing[person, item] != "submitted":
            with pytest.raises(NotEditable):
                editing.edit(row, self.sheet(row, answer), now=self.now)
            return
        changes = self.answer[person, item] != answer
        assert editing.edit(row, self.sheet(row, answer), now=self.now) == changes
        if changes:
            self.before.setdefault((person, item), []).append(self.answer[person, item])
            self.answer[person, item] = answer

    def sheet(self, row: Assignment, answer: str) -> dict[str, str]:
        return all_passing(row.item.scenario) | {"realism": answer}

    @rule(person=person_numbers, which=st.integers(0, 3))
    def skip(self, person: int, which: int) -> None:
        held = [item for item in self.items if self.standing.get((person, item), "submitted") != "submitted"]
        if not held:
            return
        item = held[which % len(held)]
        before = self.standing[person, item]
        others = sum(state == "skipped" for (who, of), state in self.standing.items() if who == person and of != item)
        if before != "skipped" and others:  # one in ten, and always one
            with pytest.raises(SkipsUsedUp):
                routing.skip(self.row(person, item))
            return
        assert routing.skip(self.row(person, item)) == (before != "skipped")
        self.slots[item] += before == "leased"
        self.standing[person, item] = "skipped"

    @rule(person=person_numbers, which=st.integers(0, 3))
    def undo_skip(self, person: int, which: int) -> None:
        skipped = [item for item in self.items if self.standing.get((person, item)) == "skipped"]
        if not skipped:
            return
        item = skipped[which % len(skipped)]
        if not self.slots[item]:
            with pytest.raises(NotSkipped):
                routing.undo_skip(self.row(person, item), now=self.now)
            return
        held = self.lease_of(person)
        assert routing.undo_skip(self.row(person, item), now=self.now)
        if held is not None:
            self.standing[person, held] = "expired"
            self.slots[held] += 1
        self.slots[item] -= 1
        self.standing[person, item] = "leased"
        self.lease_ends[person] = self.now + timedelta(minutes=10)

    @rule(person=person_numbers)
    def renew(self, person: int) -> None:
        item = self.lease_of(person)
        if item is not None:
            assert labelling.at_work(self.row(person, item), now=self.now)
            self.lease_ends[person] = self.now + timedelta(minutes=10)

    @rule(person=person_numbers)
    def leave_out_and_take_back(self, person: int) -> None:
        """Nobody else comes between: what counted counts again, and what came too late for a slot that is free by now."""
        place = Participant.objects.filter(pk=self.people[person].pk)
        place.update(excluded=True, excluded_reason="By mistake.")
        leave_out(self.people[person])
        assert not Assignment.objects.filter(participant=place.get(), state="leased").exists()
        assert not Assignment.objects.filter(participant=place.get(), state="submitted", surplus=False).exists()
        place.update(excluded=False)
        take_back(self.people[person])
        for item in self.items:
            if self.standing.get((person, item)) == "leased":
                self.standing[person, item] = "expired"
                self.slots[item] += 1
            elif (person, item) in self.surplus and self.slots[item]:
                self.surplus.remove((person, item))
                self.slots[item] -= 1

    @rule(minutes=st.sampled_from([1, 9, 11]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def return_expired(self) -> None:
        self.expire(list(range(PEOPLE)))
        routing.return_expired(self.campaign, now=self.now)

    def row(self, person: int, item: int) -> Assignment:
        token = Assignment.objects.get(participant=self.people[person], item=item).token
        return held_by(self.people[person], token)

    @invariant()
    def the_rows_are_as_the_model_has_them(self) -> None:
        if not hasattr(self, "campaign"):
            return
        assert dict(Item.objects.filter(campaign=self.campaign).values_list("pk", "open_slots")) == self.slots
        number = {person.pk: index for index, person in enumerate(self.people)}
        rows = Assignment.objects.filter(item__campaign=self.campaign)
        assert {(number[row.participant_id], row.item_id): row.state for row in rows} == self.standing
        assert {(number[row.participant_id], row.item_id) for row in rows if row.surplus} == self.surplus

    @invariant()
    def no_answer_is_lost_and_none_that_was_replaced(self) -> None:
        if not hasattr(self, "campaign"):
            return
        number = {person.pk: index for index, person in enumerate(self.people)}
        rows = Annotation.objects.filter(assignment__item__campaign=self.campaign, question="realism")
        stored = {
            (number[person], item): answer
            for person, item, answer in rows.values_list("assignment__participant", "assignment__item", "answer")
        }
        assert stored == self.answer
        before: dict[tuple[int, int], list[str]] = {}
        revisions = Revision.objects.filter(assignment__item__campaign=self.campaign)
        for revision in revisions.select_related("assignment").order_by("number"):
            key = (number[revision.assignment.participant_id], revision.assignment.item_id)
            before.setdefault(key, []).append(revision.answers["realism"][0])
        assert before == self.before

    @invariant()
    def every_slot_is_accounted_for(self) -> None:
        if not hasattr(self, "campaign"):
            return
        for item in self.items:
            taken = sum(
                state in ("leased", "submitted") and (who, of) not in self.surplus
                for (who, of), state in self.standing.items()
                if of == item
            )
            assert self.slots[item] == self.overlap - taken


@pytest.mark.django_db
def test_any_order_of_steps_keeps_the_rows_and_the_slots_in_step():
    run_state_machine_as_test(
        Routing,
        settings=settings(max_examples=40, stateful_step_count=25, deadline=None, derandomize=True, database=None),
    )
