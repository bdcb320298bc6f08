"""cases_length - where a body ends: Content-Length, Transfer-Encoding, both (RFC 9112 6).

SPDX-License-Identifier: MIT
"""
from case import (CLOSED, END, OPEN, PASSES, Answer, Run, Seen, case, chunked, get, passed,
                  post,
                  refused, request, sized)

LAST = b"0\r\n\r\n"
SMUGGLED = get(target="/v1/smuggled")


def length(value, *lines, body=b"abc"):
    return post(*lines, b"Content-Length: " + value, body=body)


def coding(value, *lines, body=b"3\r\nabc\r\n0\r\n\r\n"):
    return post(*lines, b"Transfer-Encoding: " + value, body=body)


# --------------------------------------------------------------------------- Content-Length

LENGTHS = [
    passed("a body has its length", "RFC 9112 6.2", sized(b"abc"), body=b"abc",
           has={"Content-Length": "3"}),
    passed("a body may hold anything", "RFC 9112 6.2", sized(bytes(range(256)) + b"\r\n\r\n"),
           body=bytes(range(256)) + b"\r\n\r\n"),
    passed("a body of 60 KiB arrives", "RFC 9112 6.2", sized(b"0123456789abcdef" * 3840),
           body=b"0123456789abcdef" * 3840, haproxy=None),  # more than its buffer
    passed("no length is no body", "RFC 9112 6.3", post(), body=b""),
    passed("length 0 is no body", "RFC 9110 8.6", sized(b""), body=b""),
    passed("a length may have leading zeros", "RFC 9110 8.6", length(b"0003"), body=b"abc"),
    passed("a length may have spaces around it", "RFC 9112 5.1", length(b"  3  "), body=b"abc"),
    passed("a length may have tabs around it", "RFC 9112 5.1", length(b"\t3\t"), body=b"abc",
           nginx=400),
    passed("a GET has no body of its own", "RFC 9112 6.3", get(), method="GET",
           lacks=("Content-Length", "Transfer-Encoding")),
    refused("two lengths that differ", "RFC 9112 6.3", length(b"3", "Content-Length: 4")),
    refused("the same length twice", "RFC 9112 6.3", length(b"3", "Content-Length: 3"),
            haproxy=PASSES),
    *(refused(f"length {name}", "RFC 9110 8.6", length(value), status, **peers)
      for name, value, status, peers in (
          ("in a list of equal ones", b"3, 3", 400, {"haproxy": PASSES}),
          ("in a list", b"3, 4", 400, {}),
          ("with a plus", b"+3", 400, {}),
          ("with a minus", b"-3", 400, {}),
          ("in hex", b"0x3", 400, {}),
          ("with a fraction", b"3.0", 400, {}),
          ("with an exponent", b"3e0", 400, {}),
          ("with a space in it", b"0 3", 400, {}),
          ("with a letter after it", b"3a", 400, {}),
          ("with a comma after it", b"3,", 400, {}),
          ("in quotes", b'"3"', 400, {}),
          ("that is empty", b"", 400, {}),
          ("with a vertical tab", b"\x0b3", 400, {}),
          ("with a NUL", b"3\0", 400, {}),
          ("in digits of Unicode", "\uff13".encode(), 400, {}),
          ("of 2 to the 64 and 3", b"18446744073709551619", (400, 413), {"haproxy": None}),
          ("of 2 to the 63", b"9223372036854775808", (400, 413), {}),
          ("of 40 digits", b"9" * 40, (400, 413), {}))),
    refused("a length over body_max is 413 before the body", "RFC 9110 15.5.14",
            length(b"65537", body=b""), 413, haproxy=None),  # waits for it
    passed("a body of body_max passes", "RFC 9110 15.5.14", sized(b"x" * 65536),
           body=b"x" * 65536, haproxy=None),
    case("a body that ends early is no request", "RFC 9112 8", length(b"4"), END, CLOSED,
         nginx=Run((length(b"4"), END)), haproxy=Run((length(b"4"), END))),
    case("what follows the body is the next request", "RFC 9112 9.3.2",
         length(b"3", body=b"abcGET /v1/y HTTP/1.1\r\nHost: a.test\r\n\r\n"), Answer(200),
         Answer(200), OPEN, node=(Seen(body=b"abc"), Seen("/v1/y", "GET"))),
    case("what follows the body and is none is 400", "RFC 9112 9.3.2",
         length(b"3", body=b"abcdef\r\n\r\n"), Answer(200), Answer(400), CLOSED,
         node=(Seen(body=b"abc"),)),
]

# --------------------------------------------------------------------------- Transfer-Encoding

CODINGS = [
    passed("chunked in capitals is chunked", "RFC 9112 7", coding(b"CHUnkeD"), body=b"abc"),
    passed("chunked may have spaces around it", "RFC 9112 5.1", coding(b"  chunked  "),
           body=b"abc"),
    passed("chunked may have tabs around it", "RFC 9112 5.1", coding(b"\tchunked\t"),
           body=b"abc", nginx=501),
    *(refused(f"the coding is {name}", "RFC 9112 6.1", coding(value), (400, 501), **peers)
      for name, value, peers in (
          ("unknown", b"xchunked", {}),
          ("gzip alone", b"gzip", {}),
          ("gzip before chunked", b"gzip, chunked", {"haproxy": 422}),
          ("chunked before gzip", b"chunked, gzip", {}),
          ("identity", b"identity", {}),
          ("chunked before identity", b"chunked, identity", {}),
          ("chunked twice", b"chunked, chunked", {}),
          ("chunked with an empty element", b"chunked,", {"haproxy": None}),
          ("chunked with a parameter", b"chunked;q=1", {}),
          ("chunked in quotes", b'"chunked"', {}),
          ("chunked with a space in it", b"chun ked", {}),
          ("chunked and a word", b"chunked x", {}),
          ("chunked after a vertical tab", b"\x0bchunked", {}),
          ("chunked and a NUL", b"chunked\0", {}),
          ("chunked after a NUL", b"\0chunked", {}),
          ("chunked and an octet beyond ASCII", b"chunked\xa0", {}),
          ("cow", b"cow", {}),
          ("empty", b"", {}))),
    refused("Transfer-Encoding twice", "RFC 9112 6.1",
            coding(b"chunked", "Transfer-Encoding: chunked"), (400, 501)),
    refused("identity in a second Transfer-Encoding", "RFC 9112 6.1",
            post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=LAST),
            (400, 501)),
    refused("gzip in a first Transfer-Encoding", "RFC 9112 6.1",
            post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked", body=LAST),
            (400, 501), haproxy=422),
    refused("Transfer-Encoding in HTTP 1.0", "RFC 9112 6.1",
            request("POST /v1/x HTTP/1.0", "Transfer-Encoding: chunked", body=LAST), (400, 501),
            haproxy=PASSES),
]

# --------------------------------------------------------------------------- both

BOTH = [
    refused("a length before chunked", "RFC 9112 6.3",
            post("Content-Length: 5", "Transfer-Encoding: chunked", body=LAST + SMUGGLED),
            haproxy=PASSES),
    refused("a length after chunked", "RFC 9112 6.3",
            post("Transfer-Encoding: chunked", "Content-Length: 5", body=LAST + SMUGGLED),
            haproxy=PASSES),
    refused("a length that hides a request behind the last chunk", "RFC 9112 11.2",
            post(f"Content-Length: {len(LAST + SMUGGLED)}", "Transfer-Encoding: chunked",
                 body=LAST + SMUGGLED), haproxy=PASSES),
    refused("a length that hides a request in a chunk", "RFC 9112 11.2",
            post("Content-Length: 4", "Transfer-Encoding: chunked",
                 body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
            haproxy=PASSES),
    refused("length 0 and chunked", "RFC 9112 6.3",
            post("Content-Length: 0", "Transfer-Encoding: chunked", body=LAST + SMUGGLED),
            haproxy=PASSES),
    refused("a length and a coding that is none", "RFC 9112 6.3",
            post("Content-Length: 3", "Transfer-Encoding: xchunked", body=b"abc"), (400, 501)),
    refused("a length and an empty coding", "RFC 9112 6.3",
            post("Content-Length: 3", "Transfer-Encoding:", body=b"abc"), (400, 501)),
    passed("a Connection that names Content-Length changes no framing", "RFC 9110 7.6.1",
           sized(b"abc", "Connection: content-length"), body=b"abc"),
    passed("a Connection that names Transfer-Encoding changes no framing", "RFC 9110 7.6.1",
           chunked(b"3\r\nabc\r\n0\r\n\r\n", "Connection: transfer-encoding"), body=b"abc"),
]

CASES = [*LENGTHS, *CODINGS, *BOTH]
