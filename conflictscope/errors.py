"""The root of our errors. It imports nothing, so that every room may stand on it."""


class ConflictScopeError(Exception):
    """Something that a person can mend, said in one sentence that tells them how.

    A page shows the sentence, the API makes problem details of it (RFC 9457), a command prints it and exits with 1.
    Subclasses set `code` (stable, for programs) and `http_status`, and are named for the fault. `details` are further members
    of the problem details, for programs too: which fields were wrong, what is missing.
    """

    code = "error"
    http_status = 400

    def __init__(self, sentence: str, **details: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


class NotFound(ConflictScopeError):
    """A thing named by the caller does not exist, or is not theirs to see."""

    code = "not_found"
    http_status = 404


class NotAllowed(ConflictScopeError):
    """The person may not do this, or the study may not use it; the sentence says who can change that."""

    code = "not_allowed"
    http_status = 403


class InvalidInput(ConflictScopeError):
    """What came in is not of the form asked for; the sentence names the place and the form."""

    code = "invalid_input"
    http_status = 400


class Conflict(ConflictScopeError):
    """The thing asked for does not fit the present state, such as opening a campaign that is closed."""

    code = "conflict"
    http_status = 409
