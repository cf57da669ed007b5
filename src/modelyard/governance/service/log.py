"""The log's part in forgetting a subject: what events say, and answers remembered for repeated calls.

An event stays, with its kind, time, actor and refs; a text in it that names the subject becomes the mark. The audit is
chained, so nothing is taken out of it: where its entries name the subject, that is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from modelyard.governance.api import EntityKeys, Held, Left, Subject
from modelyard.kernel.events import Event
from modelyard.kernel.mentions import Sought, without
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.journal import AuditFilter, Journal
from modelyard.ports.replies import Replies

_PAGE = 500
_LOG, _ANSWERS = ref("log", "events"), ref("log", "answers")


class LogEraser:
    """Forgets a subject in events and remembered answers; an `Eraser`."""

    name = "log"

    def __init__(self, journal: Journal, replies: Replies, keys: EntityKeys) -> None:
        self._journal = journal
        self._replies = replies
        self._keys = keys

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Events and answers that name the subject."""
        return self._gone(subject, apply=False)

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Tell the events anew; forget the answers."""
        return self._gone(subject, apply=True)

    def remains(self, subject: Subject) -> Left:
        """Whether events, answers or the audit still name it."""
        places = [f"{held.what} of the log" for held in self.plan(subject)]
        if count := self._audited(self._sought(subject)):
            places.append(f"{count} entries of the audit, which is a chain")
        return Left(places=tuple(places))

    def _gone(self, subject: Subject, *, apply: bool) -> list[Held]:
        sought, call = self._sought(subject), calls.current()
        events = 0
        for some in self._named(sought):
            events += len(some)
            if apply:
                call.unit(partial(self._reword, some))
        forget = partial(self._forget, sought, apply=apply)
        answers = call.unit(forget) if apply else forget()
        counts = ((_LOG, "events", events), (_ANSWERS, "remembered answers", answers))
        return [Held(by=self.name, ref=about, what=what, count=n) for about, what, n in counts if n]

    def _named(self, sought: Sought) -> Iterator[list[tuple[int, bytes]]]:
        """Events that name it, with what they are to say, page by page."""
        after = 0
        while page := self._journal.events(calls.current().tx, after=after, limit=_PAGE):
            if some := [(event.seq, said) for event in page if (said := _unnamed(event, sought)) is not None]:
                yield some
            after = page[-1].seq

    def _reword(self, some: Sequence[tuple[int, bytes]]) -> None:
        for seq, body in some:
            self._journal.reword(calls.current().tx, seq, body)

    def _forget(self, sought: Sought, *, apply: bool) -> int:
        def names(answer: bytes) -> bool:
            return sought.may_be_in(text := answer.decode("utf-8", "replace")) and sought.is_told(text)

        return self._replies.forget(calls.current().tx, names, apply=apply)

    def _audited(self, sought: Sought) -> int:
        count, before = 0, None
        while rows := self._journal.audit(calls.current().tx, before=before, limit=_PAGE, only=AuditFilter()):
            for row in rows:
                count += any(sought.is_told(text) for text in (row.detail, str(row.about or ""), str(row.actor)))
            before = rows[-1].seq
        return count

    def _sought(self, subject: Subject) -> Sought:
        return Sought(subject.key, tuple(self._keys.columns(subject.entity)))


def _unnamed(event: Event, sought: Sought) -> bytes | None:
    """What an event is to say instead; None if it names nobody."""
    body = bytes(event.body)
    if not sought.may_be_in(body.decode("utf-8", "replace")):
        return None
    found = json.loads(body)
    left = without(found, sought)
    return None if left == found else msgspec.json.encode(left)
