"""Connections on the wire: persistence, pipelining, half-close, HEAD, Expect, Upgrade.

SPDX-License-Identifier: MIT
"""
import cases_connection
import runner


@runner.every(cases_connection)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
