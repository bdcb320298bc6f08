"""later - the wire cases that the gateway does not pass yet, and why.

Each is an expected failure, strictly: whoever builds the feature or mends the bug takes the
row out, or the suite fails. A reason begins with "bug" or "not built"; (MUST), (SHOULD) or
(issue) says whose word it is.

SPDX-License-Identifier: MIT
"""
LATER = {}
