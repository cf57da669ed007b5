"""The writer's figures stand in the scrape, in the form that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from modelyard.app.gauges import writer_samples
from modelyard.edges.metrics import Meter
from modelyard.testing import Bench


def test_a_scrape_says_how_the_writer_fares() -> None:
    with Bench() as bench:
        for _ in range(3):
            bench.call(lambda: None)
        meter = Meter()
        meter.add_source(writer_samples(bench.database))
        text = meter.text()
    found = {
        (s.name, s.labels.get("le")): s.value for family in text_string_to_metric_families(text) for s in family.samples
    }
    assert found["yard_written_calls_total", None] == 3
    assert found["yard_commit_seconds_count", None] == found["yard_commit_seconds_bucket", "+Inf"] == 3
    assert found["yard_commit_calls_bucket", "1"] == found["yard_commit_calls_sum", None] == 3
    assert found["yard_waiting_writes", None] == found["yard_failed_commits_total", None] == 0
    assert found["yard_commit_seconds_sum", None] > 0
