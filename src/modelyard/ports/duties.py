"""What a slice does unasked: reactions to news from below, and duties that come round.

A slice lists them; the app's runner carries them out, each in a call of its own as the system actor with effect WORK
(rows change only inside `calls.current().unit(...)`). The runner notes a reaction's progress in the journal, so a
reaction runs at least once for each event, in order, and must bear a repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.kernel.events import Event


@dataclass(frozen=True, slots=True)
class Reaction:
    """A slice's answer to one kind of event.

    Attributes:
        name: unique, `slice.what_it_does`; the consumer under which progress is noted.
        kind: the event kind it listens to, `NewsClass.kind`.
        react: called with each event, oldest first; what it raises is logged, retried with back-off, then set aside.
    """

    name: str
    kind: str
    react: Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that a slice does again and again while the yard is up.

    Attributes:
        name: unique, `slice.what_it_does`.
        every_s: seconds between the end of one round and the start of the next.
        run: one round; short, and safe to be cut off anywhere.
    """

    name: str
    every_s: float
    run: Callable[[], None]
