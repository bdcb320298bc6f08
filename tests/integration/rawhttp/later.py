"""later - the wire cases that the gateway does not pass yet, and why.

Each is an expected failure, strictly: whoever builds the feature or mends the bug takes the
row out, or the suite fails. A reason begins with "bug" or "not built"; (MUST), (SHOULD) or
(issue) says whose word it is.

SPDX-License-Identifier: MIT
"""
FORWARDED = "not built (issue): X-Forwarded-For"
IDENTITY = "not built (issue): X-Request-Id of what never gets an exchange"
LISTEN = "not built (issue): listen takes one address"

LATER = {
    # ---- who asked
    "X-Forwarded-For is made": FORWARDED,
    "X-Forwarded-For is appended to": FORWARDED,
    "X-Forwarded-For of several lines is appended to": FORWARDED,
    "Connection cannot take X-Forwarded-For away": FORWARDED,
    "a refusal has an X-Request-Id": IDENTITY,
    # ---- listeners
    "several listeners": LISTEN,
    "a unix socket listener": LISTEN,
    "an inherited socket": "not built (issue): LISTEN_FDS",
}
