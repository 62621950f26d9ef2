# SPDX-License-Identifier: MIT
"""tools/bench: the program beside other ways to the same end. `rows` says what is measured, `sides` who takes part,
`servers` what they ask, `measure` how a run is timed, `report` how it is told."""
