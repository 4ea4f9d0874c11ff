"""Vectors of texts that are compared as a whole: computed once for a text and a model, whichever dataset has it."""

from __future__ import annotations

from django.db import models


class TextVector(models.Model):
    """The unit vector of a scenario's description, or of a value's definition. `Scenario.embedding` is that of its outline, for dedup."""

    key = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the embedding model and the text.")
    vector = models.BinaryField(editable=False, help_text="Unit vector, little-endian float32.")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key[:12]
