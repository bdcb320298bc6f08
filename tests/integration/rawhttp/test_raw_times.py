"""Timeouts on the wire.

SPDX-License-Identifier: MIT
"""
import cases_time
import runner


@runner.every(cases_time)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
