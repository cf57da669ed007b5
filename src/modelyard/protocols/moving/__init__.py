"""Moving house: what other trackers wrote, brought into the yard, and what the yard holds, taken back out."""
