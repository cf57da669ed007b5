"""The lake: tables with versions, loads that lose no row, a quarantine, and reads at any ref."""
