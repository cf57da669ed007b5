"""Which versions a rule of retention lets go. Pure: it is told what stands, what is held and what time it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.lake.api import Retention

_DAY_MS = 86_400_000


def due(rule: Retention, standing: Sequence[tuple[int, str, int]], now_ms: int) -> list[int]:
    """Versions that the rule lets go, oldest first.

    A version's age counts from the moment a newer one of its branch took its place; the newest of a branch has none.

    Args:
        standing: number, branch and moment of each version that can be read, by number.
    """
    if rule.keep_days is None:
        return []
    replaced: dict[int, int] = {}
    last: dict[str, int] = {}
    for version, branch, at_ms in standing:
        if branch in last:
            replaced[last[branch]] = at_ms
        last[branch] = version
    newest = {version for version, _, _ in standing[-rule.keep_versions :]}
    oldest_ms = now_ms - rule.keep_days * _DAY_MS
    return [
        version for version, _, _ in standing if version not in newest and replaced.get(version, now_ms) < oldest_ms
    ]


def earliest_fork(made: Mapping[int, tuple[str, int | None]], heads: Mapping[str, int]) -> int | None:
    """The earliest version that a branch set out from, as far back as versions can be read; None without a branch.

    Args:
        made: for each version the branch it was made on, and the version it was made from.
        heads: the version that each branch shows.
    """
    forks = []
    for branch, head in heads.items():
        at: int = head
        while at in made and made[at][0] == branch:
            earlier = made[at][1]
            if earlier is None:
                break
            at = earlier
        forks.append(at)
    return min(forks, default=None)


def kept(
    wanted: Sequence[int], *, heads: Mapping[int, str], tags: Mapping[int, str], since: int | None
) -> dict[int, str]:
    """Those of the versions that stay all the same, and why.

    Args:
        heads: versions that a branch shows, and the branch.
        tags: versions that a tag names, and the tag.
        since: an open branch may need every version from this one on, to merge; None if there is none.
    """
    found: dict[int, str] = {}
    for version in wanted:
        if version in heads:
            found[version] = f"branch {heads[version]} shows it"
        elif version in tags:
            found[version] = f"tag {tags[version]} names it"
        elif since is not None and version >= since:
            found[version] = "an open branch may still need it to merge"
    return found
