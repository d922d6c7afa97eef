"""Bill loads by tariffs: dated schedules of charges, read from TOML, billed month by month and line by line."""
