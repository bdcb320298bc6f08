"""The request line on the wire.

SPDX-License-Identifier: MIT
"""
import cases_line
import runner


@runner.every(cases_line)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
