"""The study: its plan, its steps and the artefacts of the paper."""
