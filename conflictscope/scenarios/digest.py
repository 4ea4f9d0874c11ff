"""What a dataset says, in one checksum: the same scenarios give the same digest, in whatever installation and order."""

from __future__ import annotations

import hashlib
import json

from django.db.models import OuterRef, Subquery

from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario

VERSION = "conflictscope-dataset-content-1"
_COLUMNS = (
    "uid",
    "value_1__key",
    "value_2__key",
    "template",
    "acting_action",
    *Scenario.TEXTS,
    "status",
    "duplicate_of__uid",
)


def digest_of(dataset: Dataset) -> str:
    """SHA-256 over what its value set says and, for each scenario, over everything that a reader is given and its status.

    Left out is what others add, or what follows from the rest: verdicts, labels, responses, embeddings, similarities. An
    opening message counts where it is all that a scenario has; elsewhere user simulators write it, one each. It is worked out
    when asked for, not stored, so that it cannot be out of date.
    """
    message = OpeningMessage.objects.filter(scenario=OuterRef("pk")).order_by("sample", "pk").values("text")[:1]
    scenarios = dataset.scenarios.annotate(message=Subquery(message)).order_by()
    rows = []
    for *columns, message_text in scenarios.values_list(*_COLUMNS, "message").iterator(chunk_size=2000):
        fields = dict(zip(_COLUMNS, columns, strict=True))
        alone = not fields["description"] and not fields["action_1"] and not fields["outline_context"]
        row = [each or "" for each in columns] + [message_text or "" if alone else ""]
        rows.append(hashlib.sha256(json.dumps(row, ensure_ascii=True).encode()).digest())
    whole = hashlib.sha256(VERSION.encode())
    whole.update((dataset.value_set_version.digest if dataset.value_set_version else "").encode())
    for digest in sorted(rows):
        whole.update(digest)
    return whole.hexdigest()
