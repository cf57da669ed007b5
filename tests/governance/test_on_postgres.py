"""The same stories on Postgres: one for each statement of the store that another engine could read otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.governance import test_audit as audit
from tests.governance import test_credentials as credentials
from tests.governance import test_erasure as erasure
from tests.governance import test_lineage as lineage
from tests.governance import test_permission as permission
from tests.governance.yard import Yard

STORIES: list[Callable[[Yard], None]] = [
    audit.test_the_audit_names_the_actor_and_filters,
    audit.test_following_gives_what_is_there_and_ends,
    credentials.test_a_revoked_token_is_nobody_at_once,
    credentials.test_a_disabled_actor_is_nobody_until_enabled,
    credentials.test_a_link_signs_in_once,
    credentials.test_use_is_written_coarsely_and_keeps_a_session_alive_elsewhere,
    credentials.test_revoking_a_token_ends_its_sessions_and_unused_links,
    credentials.test_a_lost_owner_token_is_replaced_and_the_old_one_stops,
    permission.test_lists_go_on_where_they_stopped,
    permission.test_the_last_owner_stays,
    lineage.test_a_file_goes_forward_to_the_endpoint,
    lineage.test_projecting_again_changes_nothing_and_circles_end,
    lineage.test_history_of_a_thing_spans_its_versions,
    lineage.test_a_prediction_walks_back_to_file_rows_code_and_approver,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_it_holds_on_postgres(story: Callable[[Yard], None], house_on_postgres: Yard) -> None:
    story(house_on_postgres)


def test_a_receipt_stands_on_postgres(house_on_postgres: Yard) -> None:
    trips = erasure.Trips(house_on_postgres)
    trips.fill(house_on_postgres)
    house_on_postgres.furnish(trips)
    erasure.test_forgetting_again_is_harmless_and_keeps_the_models(house_on_postgres, trips)
