"""Fields that travel on, and paths that do not, on the wire.

SPDX-License-Identifier: MIT
"""
import cases_forward
import cases_path
import runner


@runner.every(cases_forward, cases_path)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
