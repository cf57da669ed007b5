"""Names behind tokens, as operations; what does the work is imported at first use."""

from __future__ import annotations

from modelyard.kernel.refs import Name
from modelyard.lake.api import Pseudonym, PseudonymOperations
from modelyard.lake.service.desk import Desk


class Naming(PseudonymOperations):
    """Who may know whom a token stands for."""

    _desk: Desk

    def reveal(self, kind: Name, tokens: tuple[str, ...]) -> tuple[Pseudonym, ...]:
        """Tell the names behind tokens."""
        from modelyard.lake.service import pseudonyms

        return pseudonyms.reveal(self._desk, kind, tokens)

    def pseudonyms(self, kind: Name, names: tuple[str, ...]) -> tuple[Pseudonym, ...]:
        """Tell the tokens of names."""
        from modelyard.lake.service import pseudonyms

        return pseudonyms.found(self._desk, kind, names)

    def shred(self, kind: Name, names: tuple[str, ...]) -> int:
        """Destroy what ties names to their tokens."""
        from modelyard.lake.service import pseudonyms

        return pseudonyms.shred(self._desk, kind, names)
