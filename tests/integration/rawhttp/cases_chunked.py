"""cases_chunked - the chunked coding of a request (RFC 9112 section 7.1).

SPDX-License-Identifier: MIT
"""
from case import (CLOSED, END, OPEN, PASSES, Answer, Run, Seen, case, chunked, get, passed,
                  refused)

LAST = b"0\r\n\r\n"
ABC = b"3\r\nabc\r\n"
RFC = "RFC 9112 7.1"
EXTENSIONS = "RFC 9112 7.1.1"
TRAILERS = "RFC 9112 7.1.2"

# --------------------------------------------------------------------------- as it should be

GOOD = [
    passed("a chunk is the body", RFC, chunked(ABC + LAST), body=b"abc"),
    passed("several chunks are one body", RFC, chunked(ABC + b"2\r\nde\r\n" + LAST),
           body=b"abcde"),
    passed("no chunk is an empty body", RFC, chunked(LAST), body=b""),
    passed("a size in hex letters", RFC, chunked(b"a\r\n0123456789\r\n" + LAST),
           body=b"0123456789"),
    passed("a size in hex capitals", RFC, chunked(b"1F\r\n" + b"x" * 31 + b"\r\n" + LAST),
           body=b"x" * 31),
    passed("a size with leading zeros", RFC, chunked(b"0000000003\r\nabc\r\n" + LAST),
           body=b"abc"),
    passed("a last chunk of several zeros", RFC, chunked(ABC + b"000\r\n\r\n"), body=b"abc"),
    passed("a chunk that holds chunks", RFC, chunked(b"5\r\n0\r\n\r\n\r\n" + LAST),
           body=b"0\r\n\r\n"),
    passed("a chunk of 40 KiB", RFC, chunked(b"A000\r\n" + b"y" * 40960 + b"\r\n" + LAST),
           body=b"y" * 40960, haproxy=None),  # more than its buffer
    passed("the node gets the body in one framing", "RFC 9112 6.1", chunked(ABC + LAST),
           body=b"abc", has={"Content-Length": "3"}, lacks=("Transfer-Encoding",),
           haproxy=PASSES),
    case("what follows the last chunk is the next request", RFC,
         chunked(ABC + LAST + get(target="/v1/y")), Answer(200), Answer(200), OPEN,
         node=(Seen(body=b"abc"), Seen("/v1/y", "GET"))),
    passed("an extension is ignored", EXTENSIONS, chunked(b"3;a\r\nabc\r\n" + LAST),
           body=b"abc"),
    passed("an extension with a value", EXTENSIONS, chunked(b"3;a=b\r\nabc\r\n" + LAST),
           body=b"abc"),
    passed("an extension of the last chunk", EXTENSIONS, chunked(ABC + b"0;a=b\r\n\r\n"),
           body=b"abc"),
    passed("several extensions", EXTENSIONS, chunked(b"3;a=b;c=d;e\r\nabc\r\n" + LAST),
           body=b"abc"),
    passed("an extension in quotes", EXTENSIONS,
           chunked(b'3;a="b;c=\\"d"\r\nabc\r\n' + LAST), body=b"abc"),
    passed("white space around the name of an extension", EXTENSIONS,
           chunked(b"3 ; a = b\r\nabc\r\n" + LAST), body=b"abc"),
    passed("trailers are read and dropped", TRAILERS,
           chunked(ABC + b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"), body=b"abc",
           lacks=("X-Sum", "X-Other")),
    passed("trailers cannot change Host and Connection", "RFC 9110 6.5.1",
           chunked(ABC + b"0\r\nHost: b.test\r\nConnection: close\r\n\r\n"), body=b"abc"),
    passed("a trailer with a length is none", "RFC 9110 6.5.1",
           chunked(ABC + b"0\r\nContent-Length: 7\r\n\r\n"), body=b"abc"),
    passed("trailers cannot name a new Connection option", "RFC 9110 6.5.1",
           chunked(ABC + b"0\r\nConnection: x-a\r\n\r\n", "X-A: 1"), body=b"abc",
           has={"X-A": "1"}),
]

# --------------------------------------------------------------------------- sizes

OVER = b"x" * 65537  # body_max and one


def bad(name, body, status=400, rfc=RFC, **peers):
    return refused(name, rfc, chunked(body), status, **peers)


SIZES = [
    bad("a size with a plus", b"+3\r\nabc\r\n" + LAST),
    bad("a size with a minus", b"-3\r\nabc\r\n" + LAST),
    bad("a last chunk with a minus", ABC + b"-0\r\n\r\n"),
    bad("a size with 0x", b"0x3\r\nabc\r\n" + LAST),
    bad("a size that is empty", b"\r\nabc\r\n" + LAST),
    bad("a size that is an extension only", b";a=b\r\nabc\r\n" + LAST),
    bad("a size with a letter that is no digit", b"3g\r\nabc\r\n" + LAST),
    bad("a size in words", b"three\r\nabc\r\n" + LAST),
    bad("a size with a fraction", b"3.0\r\nabc\r\n" + LAST),
    bad("a size with an underscore", b"0_3\r\nabc\r\n" + LAST),
    bad("a space before the size", b" 3\r\nabc\r\n" + LAST),
    bad("a tab before the size", b"\t3\r\nabc\r\n" + LAST),
    bad("a space after the size", b"3 \r\nabc\r\n" + LAST, nginx=PASSES, haproxy=PASSES),
    bad("a second size", b"3 3\r\nabc\r\n" + LAST, nginx=PASSES),
    bad("a NUL after the size", b"3\0\r\nabc\r\n" + LAST),
    *(bad(f"a size of {name}", size + b"\r\n" + OVER, (400, 413), haproxy=None)
      for name, size in (("2 to the 64 and 3", b"10000000000000003"),
                         ("2 to the 64 less one", b"FFFFFFFFFFFFFFFF"),
                         ("2 to the 63", b"8000000000000000"),
                         ("2 to the 32 and 3", b"100000003"),
                         ("40 digits", b"F" * 40))),
    bad("a chunk over body_max is 413", b"10001\r\n" + OVER, 413, "RFC 9110 15.5.14",
        haproxy=None),
    bad("chunks over body_max are 413", b"8000\r\n" + b"x" * 32768 + b"\r\n8001\r\n"
        + b"x" * 32769 + b"\r\n" + LAST, 413, "RFC 9110 15.5.14", haproxy=None),
]

# --------------------------------------------------------------------------- line ends

ENDS = [
    bad("a bare LF after the size", b"3\nabc\r\n" + LAST, nginx=PASSES, haproxy=PASSES),
    bad("a bare CR after the size", b"3\rabc\r\n" + LAST),
    bad("two CRs after the size", b"3\r\r\nabc\r\n" + LAST),
    bad("a bare LF after the data", b"3\r\nabc\n" + LAST, nginx=PASSES, haproxy=PASSES),
    bad("nothing after the data", b"3\r\nabc" + LAST),
    bad("more data than the size says", b"3\r\nabcd\r\n" + LAST),
    bad("less data than the size says", b"4\r\nabc\r\n" + LAST, nginx=PASSES,
        haproxy=PASSES),  # the LF alone ends the chunk for them
    bad("a space after the data", b"3\r\nabc \r\n" + LAST),
    bad("a bare LF after the last chunk", ABC + b"0\n\r\n", nginx=PASSES, haproxy=PASSES),
    bad("a bare LF that ends the trailers", ABC + b"0\r\n\n", nginx=PASSES, haproxy=PASSES),
    bad("a bare CR that ends the trailers", ABC + b"0\r\n\r" + get()),
    bad("a bare LF in an extension", b"3;a\nabc\r\n" + LAST, rfc=EXTENSIONS, nginx=PASSES,
        haproxy=PASSES),
    bad("a bare CR in an extension", b"3;a\rb\r\nabc\r\n" + LAST, rfc=EXTENSIONS),
    bad("a NUL in an extension", b"3;a\0b\r\nabc\r\n" + LAST, rfc=EXTENSIONS, nginx=PASSES,
        haproxy=PASSES),
    bad("a CRLF in a quoted extension ends the line", b'3;a="\r\nabc\r\n' + LAST,
        rfc=EXTENSIONS, nginx=PASSES, haproxy=PASSES),
    bad("extensions without an end", b"3;" + b"a" * 17000 + b"\r\nabc\r\n" + LAST,
        (400, 413, 431),
        EXTENSIONS, nginx=PASSES, haproxy=None),
]

# --------------------------------------------------------------------------- trailers


def trailing(name, lines, status=400, rfc=TRAILERS, nginx=PASSES):
    """HAProxy may have passed the body on before it reads the trailers, or not."""
    return bad(name, ABC + b"0\r\n" + lines + b"\r\n\r\n", status, rfc, nginx=nginx,
               haproxy=None)


BAD_TRAILERS = [
    trailing("a trailer that is folded", b"X-A: 1\r\n 2", rfc="RFC 9112 5.2"),
    trailing("a trailer with a space before its colon", b"X-A : 1"),
    trailing("a trailer without a colon", b"X-A"),
    trailing("a trailer without a name", b": 1"),
    trailing("a trailer with a NUL", b"X-A: 1\x002"),
    trailing("a trailer with a bare CR", b"X-A: 1\r2", nginx=400),
    trailing("a trailer with a bare LF", b"X-A: 1\nX-B: 2"),
    trailing("a trailer with a coding", b"Transfer-Encoding: gzip", rfc="RFC 9110 6.5.1"),
    trailing("trailers of 17 KiB are 431", b"X-A: " + b"v" * 17000, 431, "RFC 6585 5"),
    trailing("100 trailers and a Host are too many", b"\r\n".join([b"X-A: 1"] * 100), 431,
             "RFC 6585 5"),
]


# --------------------------------------------------------------------------- cut

def cut(name, body):
    steps = (chunked(body), END)
    return case(name, "RFC 9112 8", *steps, CLOSED, nginx=Run(steps), haproxy=Run(steps))


CUTS = [
    cut("a body that ends before its last chunk", ABC),
    cut("a body that ends in a chunk", b"9\r\nabc"),
    cut("a body that ends in a size", b"3"),
    cut("a body that ends in its last line", ABC + b"0\r\n"),
    cut("a body that ends in its trailers", ABC + b"0\r\nX-A: 1\r\n"),
]

CASES = [*GOOD, *SIZES, *ENDS, *BAD_TRAILERS, *CUTS]
