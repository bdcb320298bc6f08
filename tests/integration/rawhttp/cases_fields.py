"""cases_fields - header fields and Host (RFC 9112 sections 2.2, 3.2 and 5, RFC 9110 section 5).

SPDX-License-Identifier: MIT
"""
from case import PASSES, get, passed, refused, request

# --------------------------------------------------------------------------- Host



def hosted(*lines, version="1.1", target="/v1/x"):
    return request(f"GET {target} HTTP/{version}", *lines, host=None)


HOSTS = [
    refused("no Host", "RFC 9112 3.2", hosted(), haproxy=None),  # passes it on without
    refused("two Hosts", "RFC 9112 3.2", hosted("Host: a.test", "Host: b.test")),
    refused("the same Host twice", "RFC 9112 3.2", hosted("Host: a.test", "host: a.test"),
            haproxy=PASSES),
    refused("two Hosts in HTTP 1.0", "RFC 9112 3.2",
            hosted("Host: a.test", "Host: b.test", version="1.0")),
    passed("an empty Host is a Host", "RFC 9112 3.2", hosted("Host:"), method="GET", nginx=400),
    passed("Host may have a port", "RFC 9110 7.2", hosted("Host: a.test:8080"), method="GET"),
    passed("Host may be an IPv6 address", "RFC 9110 7.2", hosted("Host: [::1]:8080"),
           method="GET"),
    passed("Host may have white space around it", "RFC 9112 5.1", hosted("Host: \t a.test \t"),
           method="GET", nginx=400),
    refused("Host with a path", "RFC 9112 3.2", hosted("Host: a.test/token"), haproxy=PASSES),
    refused("Host with userinfo", "RFC 9112 3.2", hosted("Host: u@a.test"), nginx=PASSES,
            haproxy=PASSES),
    refused("Host with a list", "RFC 9112 3.2", hosted("Host: a.test, b.test"), haproxy=PASSES),
    refused("Host with a space in it", "RFC 9112 3.2", hosted("Host: a.test b.test"),
            haproxy=PASSES),
    refused("Host with a scheme", "RFC 9112 3.2", hosted("Host: http://a.test"),
            haproxy=PASSES),
    refused("Host with a query", "RFC 9112 3.2", hosted("Host: a.test?x"), nginx=PASSES,
            haproxy=PASSES),
    refused("Host with a port that is none", "RFC 9112 3.2", hosted("Host: a.test:80x"),
            nginx=PASSES, haproxy=PASSES),
    refused("Host with two ports", "RFC 9112 3.2", hosted("Host: a.test:80:81"),
            nginx=PASSES, haproxy=PASSES),
    refused("Host with half a bracket", "RFC 9112 3.2", hosted("Host: [::1"), nginx=PASSES,
            haproxy=PASSES),
    refused("Host with an octet beyond ASCII", "RFC 9112 3.2", hosted(b"Host: a\xe9.test"),
            nginx=PASSES, haproxy=PASSES),
]

# --------------------------------------------------------------------------- names

NAMES = [
    refused("a space before the colon", "RFC 9112 5.1", get("X-A : 1")),
    refused("a tab before the colon", "RFC 9112 5.1", get("X-A\t: 1")),
    refused("a space before the colon of Host", "RFC 9112 5.1", hosted("Host : a.test")),
    refused("a space before the colon of Content-Length", "RFC 9112 5.1",
            request("POST /v1/x HTTP/1.1", "Content-Length : 3", body=b"abc")),
    refused("a space before the colon of Transfer-Encoding", "RFC 9112 5.1",
            request("POST /v1/x HTTP/1.1", "Transfer-Encoding : chunked", body=b"0\r\n\r\n")),
    refused("a space in a name", "RFC 9112 5.1", get("X A: 1")),
    refused("a field without a name", "RFC 9112 5.1", get(": 1")),
    refused("a line without a colon", "RFC 9112 5", get("X-A"), nginx=PASSES),
    refused("a NUL in a name", "RFC 9110 5.1", get(b"X-\0A: 1")),
    refused("a control character in a name", "RFC 9110 5.1", get(b"X-\x01A: 1")),
    refused("an octet beyond ASCII in a name", "RFC 9110 5.1", get(b"X-\xe9: 1"), nginx=PASSES),
    *(refused(f"the delimiter {char} in a name", "RFC 9110 5.1", get(f"X{char}A: 1"),
              nginx=PASSES)
      for char in '()<>@,;\\"/[]?={}'),
    passed("every other character is a token", "RFC 9110 5.6.2", get("!#$%&'*+-.^_`|~0a: 1"),
           method="GET", has={"!#$%&'*+-.^_`|~0a": "1"}, nginx=PASSES),
    passed("a name keeps its letters", "RFC 9110 5.1", get("X-mIxEd: 1"), method="GET",
           lines=("X-mIxEd: 1",), haproxy=PASSES),
    passed("a name with an underscore is another name", "RFC 9110 5.1",
           get("content_length: 5", "Transfer_Encoding: chunked"), method="GET", nginx=PASSES),
]

# --------------------------------------------------------------------------- lines

LINES = [
    refused("a line before the first field that begins with a space", "RFC 9112 2.2",
            request("GET /v1/x HTTP/1.1", " X-A: 1", host=None)),
    refused("a space before the first field", "RFC 9112 2.2",
            request("GET /v1/x HTTP/1.1", " Host: a.test", host=None)),
    refused("a tab before the first field", "RFC 9112 2.2",
            request("GET /v1/x HTTP/1.1", "\tX-A: 1", "Host: a.test", host=None)),
    refused("a field that is folded with a space", "RFC 9112 5.2", get("X-A: 1", " 2"),
            haproxy=PASSES),
    refused("a field that is folded with a tab", "RFC 9112 5.2", get("X-A: 1", "\t2"),
            haproxy=PASSES),
    refused("a fold with nothing in it", "RFC 9112 5.2", get("X-A: 1", " ", "X-B: 2"),
            haproxy=PASSES),
    refused("Host on a folded line", "RFC 9112 5.2", hosted("Host:", " a.test"),
            haproxy=PASSES),
    refused("Transfer-Encoding on a folded line", "RFC 9112 5.2",
            request("POST /v1/x HTTP/1.1", "Transfer-Encoding:", " chunked", body=b"0\r\n\r\n"),
            haproxy=PASSES),
    refused("a bare LF after a field", "RFC 9112 2.2", get(b"X-A: 1\nX-B: 2"), nginx=PASSES,
            haproxy=PASSES),
    refused("a bare LF that ends the head", "RFC 9112 2.2",
            b"GET /v1/x HTTP/1.1\r\nHost: a.test\r\n\n", nginx=PASSES, haproxy=PASSES),
    refused("no CR anywhere", "RFC 9112 2.2", b"GET /v1/x HTTP/1.1\nHost: a.test\n\n",
            nginx=PASSES, haproxy=PASSES),
    refused("a bare CR after a field", "RFC 9112 2.2", get(b"X-A: 1\rX-B: 2")),
    refused("a bare CR that ends the head", "RFC 9112 2.2",
            b"GET /v1/x HTTP/1.1\r\nHost: a.test\r\n\r" + get()),
    refused("two CRs before the LF", "RFC 9112 2.2", get(b"X-A: 1\r"), nginx=PASSES),
]

# --------------------------------------------------------------------------- values

LONG = "v" * 7000
VALUES = [
    refused("a NUL in a value", "RFC 9110 5.5", get(b"X-A: 1\x002"), haproxy=None),
    # passes it on
    refused("a NUL before a value", "RFC 9110 5.5", get(b"X-A: \x001"), haproxy=None),
    refused("a NUL after a value", "RFC 9110 5.5", get(b"X-A: 1\0"), haproxy=None),
    refused("a bare CR in a value", "RFC 9110 5.5", get(b"X-A: 1\r2")),
    refused("a control character in a value", "RFC 9110 5.5", get(b"X-A: 1\x012"),
            nginx=PASSES, haproxy=PASSES),
    refused("a DEL in a value", "RFC 9110 5.5", get(b"X-A: 1\x7f2"), nginx=PASSES,
            haproxy=PASSES),
    passed("a value may be empty", "RFC 9110 5.5", get("X-A:", "X-B: \t "), method="GET",
           has={"X-A": "", "X-B": ""}),
    passed("white space around a value is none of it", "RFC 9112 5.1",
           get("X-A:1", "X-B: \t 2 \t"), method="GET", lines=("X-A: 1", "X-B: 2"),
           nginx=PASSES, haproxy=PASSES),
    passed("tabs and spaces in a value stay", "RFC 9110 5.5", get("X-A: 1\t2  3"), method="GET",
           has={"X-A": "1\t2  3"}),
    passed("octets beyond ASCII in a value stay", "RFC 9110 5.5", get(b"X-A: \x80\xc3\xa9\xff"),
           method="GET", has={"X-A": b"\x80\xc3\xa9\xff".decode("latin-1")}),
    passed("a quoted comma and a colon stay", "RFC 9110 5.6.4", get('X-A: "a,b\\"": c:d'),
           method="GET", has={"X-A": '"a,b\\"": c:d'}),
    passed("a value of 7000 octets passes", "RFC 9110 5.4", get(f"X-A: {LONG}"), method="GET",
           has={"X-A": LONG}),
    passed("fields of one name keep their order", "RFC 9110 5.3",
           get("X-A: 1", "X-B: 2", "X-A: 3", "x-a: 4"), method="GET",
           has={"X-A": "1, 3, 4", "X-B": "2"}),
]

# --------------------------------------------------------------------------- bounds

MANY = [f"X-{i}: 1" for i in range(99)]  # and Host
BOUNDS = [
    passed("100 fields pass", "RFC 6585 5", get(*MANY), method="GET", has={"X-98": "1"}),
    refused("101 fields are 431", "RFC 6585 5", get(*MANY, "X-99: 1"), 431, nginx=PASSES,
            haproxy=None),
    passed("a head of 15 KiB passes", "RFC 6585 5",
           get(*(f"X-{i}: {'v' * 7400}" for i in range(2))), method="GET"),
    refused("a head of 17 KiB is 431", "RFC 6585 5",
            get(*(f"X-{i}: {'v' * 5700}" for i in range(3))), 431, nginx=400,
            haproxy=(400, 431)),
    refused("a value of 16 KiB is 431", "RFC 6585 5", get(f"X-A: {'v' * 16384}"), 431,
            nginx=400, haproxy=(400, 431)),
    refused("a value without an end is 431 at once", "RFC 6585 5",
            get()[:-2] + b"X-A: " + b"v" * 17000, 431, nginx=400, haproxy=(400, 431)),
    refused("a name without an end is 431 at once", "RFC 6585 5", get()[:-2] + b"n" * 17000,
            431, nginx=400, haproxy=(400, 431)),
    refused("17 KiB of empty fields are 431", "RFC 6585 5", get(*["X:"] * 4400), 431,
            nginx=400, haproxy=(400, 431)),
    refused("17 KiB of white space are 431", "RFC 6585 5", get(f"X-A:{' ' * 17000}1"), 431,
            nginx=400, haproxy=(400, 431)),
]

CASES = [*HOSTS, *NAMES, *LINES, *VALUES, *BOUNDS]
