"""later - the wire cases that the gateway does not pass yet, and why.

Each is an expected failure, strictly: whoever builds the feature or mends the bug takes the
row out, or the suite fails. A reason begins with "bug" or "not built"; (MUST), (SHOULD) or
(issue) says whose word it is.

SPDX-License-Identifier: MIT
"""
import cases_path

BARE_LF = "bug (issue): llhttp 8 takes a bare LF for CRLF here, in strict mode as well"
UNNAMED = "bug (MUST): llhttp takes an empty field name, and it travels on"
METHODS = "bug (SHOULD): a method outside of llhttp's table is 400, not 501"
HOST = "bug (MUST): framing.c is_host() looks at characters, not at host and port"
EXTENSION = "bug (MUST): llhttp 8 cannot read this chunk extension"
TRAILER = "bug (issue): trailers see neither framing_finds_fold() nor a check of ours"
TAB = "bug (MUST): llhttp takes a space, but no tab, around the values that it reads itself"
BODILESS = "bug (MUST): upstream.c on_head() says 'no body' to llhttp for HEAD only"
STATUS = "bug (MUST): upstream.c takes every status below 200 for 1xx; llhttp reads 0 to 999"
CODING = "bug (MUST): Transfer-Encoding of an answer is dropped, whatever it says"
LISTEN = "not built (issue): listen takes one address"
UNDER = "not built (brief): nodes have no /v1/token and /v1/usage today; they are not refused"

LATER = {
    # ---- the request line
    "a bare LF after the request line": BARE_LF,
    "a bare LF before the request": BARE_LF,
    "another protocol": "bug (MUST): llhttp takes RTSP/1.0 and ICE/1.0 for HTTP/1.0",
    "a higher minor version is read as 1.1": "bug (SHOULD): llhttp refuses HTTP/1.2",
    "a method that nobody knows is 501": METHODS,
    "a method in lower case is another one": METHODS,
    "a method of 2000 letters is 501": METHODS,
    "an encoded space of the path arrives as it was":
        "bug: route.c is_plain_path() refuses %20, which normalising leaves as it is",
    # ---- fields
    "a field without a name": UNNAMED,
    "Host with a port that is none": HOST,
    "Host with two ports": HOST,
    "Host with half a bracket": HOST,
    "a bare LF that ends the head": BARE_LF,
    "17 KiB of white space are 431":
        "bug (issue): fields.c counts names and values, llhttp drops white space before",
    "a length may have tabs around it": TAB,
    "chunked may have tabs around it": TAB,
    # ---- chunks of a request
    "several extensions": EXTENSION,
    "an extension in quotes": EXTENSION,
    "white space around the name of an extension": EXTENSION,
    "extensions without an end": "bug (ought): nothing bounds or counts chunk extensions",
    "a bare LF that ends the trailers": BARE_LF,
    "trailers cannot change Host and Connection":
        "bug (MUST): llhttp obeys Connection in a trailer, and refuses the next request",
    "a trailer that is folded": TRAILER,
    "a trailer without a name": TRAILER,
    # ---- answers of a node
    "a 1xx has no body, whatever its length says": BODILESS,
    "a 204 has no body, whatever its length says": BODILESS,
    "a 204 has no chunks, whatever the node says": BODILESS,
    "a 304 may tell the length of what it spares": BODILESS,
    "an answer of 150 fields passes":
        "bug (issue): fields.h bounds answers by HEAD_FIELDS_MAX, too, not by their 64 KiB",
    "a node of HTTP 2.0": "bug: upstream.c does not look at llhttp's http_major",
    "status 99": STATUS,
    "a status of two digits": STATUS,
    "a field of the node without a name": UNNAMED,
    "chunks that gzip was put around": CODING,
    "chunks with gzip inside": CODING,
    "a coding of the node that nobody knows": CODING,
    # ---- listeners
    "several listeners": LISTEN,
    "a unix socket listener": LISTEN,
    "an inherited socket": "not built (issue): LISTEN_FDS",
    # ---- paths
    **{case.name: UNDER for case in cases_path.CASES if " under the " in case.name},
}
