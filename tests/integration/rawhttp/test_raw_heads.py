"""Header fields and the framing of bodies on the wire.

SPDX-License-Identifier: MIT
"""
import cases_fields
import cases_length
import runner


@runner.every(cases_fields, cases_length)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
