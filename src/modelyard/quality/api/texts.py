"""Contracts as text: declared from the Open Data Contract Standard, written as YAML or in that standard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Name
from modelyard.quality.api.records import DeclaredContract
from modelyard.quality.api.rules import Contract


class TextForm(StrEnum):
    """How a contract is written: as our YAML, or as a document of the Open Data Contract Standard, version 3."""

    YAML = "yaml"
    ODCS = "odcs"


class Translated(Struct, frozen=True, kw_only=True):
    """A contract from another form.

    Attributes:
        left_out: what that form said and a contract cannot, each with its place; nothing is left out in silence.
    """

    contract: Contract
    left_out: tuple[str, ...] = ()


class DeclaredTranslation(Struct, frozen=True, kw_only=True):
    """A contract that was declared from another form; `left_out` as in `Translated`."""

    declared: DeclaredContract
    left_out: tuple[str, ...] = ()


class ContractText(Struct, frozen=True, kw_only=True):
    """A contract as text."""

    table: str
    version: int
    form: TextForm
    text: str


class TextOperations(ABC):
    """Contracts as text."""

    @operation("PUT", "/contracts/{table}/text", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def declare_text(self, table: Name, text: str) -> DeclaredContract:
        """Declare a contract that is written as YAML or JSON.

        Raises:
            InvalidInput: the text is no contract; the detail says where.
        """

    @operation("PUT", "/contracts/{table}/odcs", scope="quality:write", about="table:{table}", effect=Effect.WORK)
    @abstractmethod
    def declare_odcs(self, table: Name, text: str, *, object: str | None = None) -> DeclaredTranslation:  # noqa: A002 - the standard's word
        """Declare what a document of the Open Data Contract Standard, version 3, says of a table.

        Types, options, keys, relationships, library metrics, SQL rules and latency are read. The answer lists what was
        not: read it.

        Args:
            text: the document, as YAML.
            object: what the table is called in the document; by default as here.

        Raises:
            InvalidInput: it is no such document, or describes several tables and none of that name.
        """

    @operation("GET", "/contracts/{table}/text", scope="quality:read", about="table:{table}")
    @abstractmethod
    def contract_text(self, table: Name, *, form: TextForm = TextForm.YAML, version: int | None = None) -> ContractText:
        """Write a contract as YAML, or as a document of the Open Data Contract Standard.

        Either text declares an equal contract again.

        Raises:
            NotFound: the table promises nothing, or has no such version of a contract.
        """
