"""Plan in two stages: decide now what cannot wait, the rest when the scenario is known."""
