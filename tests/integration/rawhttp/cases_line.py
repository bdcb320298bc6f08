"""cases_line - the request line: method, target, version (RFC 9112 sections 2 and 3).

SPDX-License-Identifier: MIT
"""
from case import (CLOSED, OPEN, PASSES, Answer, Run, Seen, case, get, passed, refused, request)


def line(first, *lines, host="Host: a.test"):
    return request(first, *lines, host=host)


# --------------------------------------------------------------------------- its form

FORMS = [
    passed("two spaces before the target are one", "RFC 9112 3", line("GET  /v1/x HTTP/1.1"),
           method="GET"),
    passed("two spaces before the version are one", "RFC 9112 3",
           line("GET /v1/x  HTTP/1.1"), method="GET"),
    refused("a space before the method", "RFC 9112 2.2", line(" GET /v1/x HTTP/1.1")),
    refused("a space after the version", "RFC 9112 3",
            line("GET /v1/x HTTP/1.1 "), nginx=PASSES),
    refused("a tab before the target", "RFC 9112 3", line("GET\t/v1/x HTTP/1.1"),
            haproxy=PASSES),
    refused("a tab before the version", "RFC 9112 3", line("GET /v1/x\tHTTP/1.1"),
            haproxy=PASSES),
    refused("a word too many", "RFC 9112 3", line("GET /v1/x HTTP/1.1 HTTP/1.1")),
    refused("a second target", "RFC 9112 3", line("GET /v1/x /token HTTP/1.1")),
    refused("no target", "RFC 9112 3", line("GET HTTP/1.1")),
    refused("no method", "RFC 9112 3", line(" /v1/x HTTP/1.1")),
    refused("a bare CR in the request line", "RFC 9112 2.2", line(b"GET /v1/x\rHTTP/1.1")),
    refused("a bare CR before the CRLF of the request line", "RFC 9112 2.2",
            line(b"GET /v1/x HTTP/1.1\r")),
    refused("a bare LF after the request line", "RFC 9112 2.2",
            b"GET /v1/x HTTP/1.1\nHost: a.test\r\n\r\n", nginx=PASSES, haproxy=PASSES),
    refused("a bare LF in the request line", "RFC 9112 2.2", line(b"GET /v1/x\n HTTP/1.1"),
            nginx=None),  # speaks HTTP/0.9
    refused("a NUL before the method", "RFC 9112 3", line(b"\0GET /v1/x HTTP/1.1")),
    refused("a NUL after the method", "RFC 9112 3", line(b"GET\0 /v1/x HTTP/1.1")),
    refused("a NUL in the version", "RFC 9112 3", line(b"GET /v1/x HTTP/1.1\0")),
    refused("a byte order mark before the method", "RFC 9112 3",
            line(b"\xef\xbb\xbfGET /v1/x HTTP/1.1")),
    passed("an empty line before the request is skipped", "RFC 9112 2.2",
           b"\r\n" + get(), method="GET"),
    refused("a bare LF before the request", "RFC 9112 2.2", b"\n" + get(),
            nginx=PASSES, haproxy=PASSES),
    refused("a TLS handshake", "RFC 9112 3",
            b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03" + bytes(range(185))),
]

# --------------------------------------------------------------------------- version

VERSIONS = [
    refused("HTTP in lower case", "RFC 9112 2.3", line("GET /v1/x http/1.1")),
    refused("a version without its minor number", "RFC 9112 2.3", line("GET /v1/x HTTP/1")),
    refused("a version without its dot", "RFC 9112 2.3", line("GET /v1/x HTTP/11"), nginx=505),
    refused("a minor number of two digits", "RFC 9112 2.3", line("GET /v1/x HTTP/1.10"),
            nginx=PASSES),
    refused("a major number of two digits", "RFC 9112 2.3", line("GET /v1/x HTTP/01.1"),
            (400, 505)),
    refused("a letter after the version", "RFC 9112 2.3", line("GET /v1/x HTTP/1.1x")),
    refused("a sign in the version", "RFC 9112 2.3", line("GET /v1/x HTTP/1.-1")),
    refused("another protocol", "RFC 9112 2.3", line("GET /v1/x RTSP/1.0")),
    refused("a space in the version", "RFC 9112 2.3", line("GET /v1/x HTTP /1.1")),
    refused("HTTP 0.9", "RFC 9112 2.3", b"GET /v1/x\r\n\r\n", nginx=None),  # speaks it
    refused("HTTP 0.9 by its number", "RFC 9112 2.3", line("GET /v1/x HTTP/0.9"), (400, 505),
            haproxy=None),  # passes it on as HTTP/1.1 without Host
    refused("HTTP 2.0 in words of HTTP 1", "RFC 9110 15.6.6", line("GET /v1/x HTTP/2.0"),
            (400, 505), haproxy=PASSES),
    refused("HTTP 3.0", "RFC 9110 15.6.6", line("GET /v1/x HTTP/3.0"), (400, 505),
            haproxy=PASSES),
    refused("the preface of HTTP/2", "RFC 9113 3.4",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", (400, 405, 505),
            haproxy=None),
    passed("a higher minor version is read as 1.1", "RFC 9110 2.5",
           line("GET /v1/x HTTP/1.2"), method="GET"),
    passed("HTTP 1.0 needs no Host", "RFC 9112 3.2", line("GET /v1/x HTTP/1.0", host=None),
           method="GET", then=CLOSED, haproxy=None),  # passes it on without one
]

# --------------------------------------------------------------------------- method

METHODS = [
    *(passed(f"{method} reaches the node", "RFC 9110 9",
             line(f"{method} /v1/x HTTP/1.1", "Content-Length: 0"), method=method)
      for method in ("PUT", "PATCH", "DELETE", "POST")),
    passed("a GET with a body reaches the node with it", "RFC 9110 9.3.1",
           get("Content-Length: 3", body=b"abc"), method="GET", body=b"abc"),
    passed("a DELETE with a chunked body reaches the node with it", "RFC 9110 9.3.5",
           line("DELETE /v1/x HTTP/1.1", "Transfer-Encoding: chunked")
           + b"3\r\nabc\r\n0\r\n\r\n", method="DELETE", body=b"abc"),
    refused("a method that nobody knows is 501", "RFC 9110 9.1",
            line("FLY /v1/x HTTP/1.1"), (405, 501), nginx=PASSES, haproxy=PASSES),
    refused("a method in lower case is another one", "RFC 9110 9.1",
            line("get /v1/x HTTP/1.1"), (405, 501), nginx=400, haproxy=PASSES),
    refused("a method of 2000 letters is 501", "RFC 9112 3",
            line("A" * 2000 + " /v1/x HTTP/1.1"), (405, 501), nginx=PASSES, haproxy=PASSES),
    refused("a method without an end", "RFC 9112 3", b"A" * 17000, (400, 414, 431, 501),
            haproxy=(400, 414)),
    refused("a method that is no token", "RFC 9110 9.1", line("G@T /v1/x HTTP/1.1")),
    refused("a method with a colon", "RFC 9110 9.1", line("GET: /v1/x HTTP/1.1")),
    case("TRACE is not allowed and not echoed", "RFC 9110 9.3.8",
         line("TRACE /v1/x HTTP/1.1", "X-Secret: 1"),
         Answer((405, 501), has={"allow": "GET, HEAD, POST"}),
         OPEN, nginx=Run((line("TRACE /v1/x HTTP/1.1"), Answer(405), CLOSED)), haproxy=None),
]

# --------------------------------------------------------------------------- target, its forms

HTTP = "http://a.test"
TARGETS = [
    passed("absolute form reaches the node in origin form", "RFC 9112 3.2.2",
           line(f"GET {HTTP}/v1/x?q=1 HTTP/1.1"), "/v1/x?q=1", "GET", haproxy=PASSES),
    passed("absolute form counts, not Host", "RFC 9112 3.2.2",
           line(f"GET {HTTP}/v1/x HTTP/1.1", host="Host: b.test"), method="GET", haproxy=400),
    passed("the scheme may be in capitals", "RFC 3986 3.1",
           line("GET HTTP://A.test/v1/x HTTP/1.1"), method="GET", haproxy=None),
    passed("the scheme https is absolute form as well", "RFC 9112 3.2.2",
           line("GET https://a.test/v1/x HTTP/1.1"), method="GET", haproxy=None),
    refused("absolute form without Host", "RFC 9112 3.2",
            line(f"GET {HTTP}/v1/x HTTP/1.1", host=None), haproxy=None),  # as it came
    refused("userinfo in the target", "RFC 9110 4.2.4",
            line("GET http://u:p@a.test/v1/x HTTP/1.1"), haproxy=PASSES, then=OPEN),
    refused("absolute form with an empty authority", "RFC 9110 4.2.1",
            line("GET http:///v1/x HTTP/1.1"), haproxy=PASSES, then=OPEN),
    refused("a scheme that is not HTTP", "RFC 9112 3.2.2",
            line("GET ftp://a.test/v1/x HTTP/1.1"), then=OPEN, nginx=PASSES, haproxy=PASSES),
    refused("absolute form with one slash", "RFC 9112 3.2.2", line("GET http:/v1/x HTTP/1.1"),
            haproxy=(400, 404)),
    refused("authority form without CONNECT", "RFC 9112 3.2.3", line("GET a.test:80 HTTP/1.1")),
    refused("asterisk form without OPTIONS", "RFC 9112 3.2.4", line("GET * HTTP/1.1"),
            then=OPEN, haproxy=(400, 404)),
    refused("a target without a slash", "RFC 9112 3.2.1", line("GET v1/x HTTP/1.1"),
            haproxy=(400, 404)),
    refused("a CONNECT is no tunnel", "RFC 9110 9.3.6",
            request("CONNECT a.test:443 HTTP/1.1", host="Host: a.test:443")
            + get(target="/v1/tunnel"), (400, 405, 501), haproxy=None),
    refused("a CONNECT of a path", "RFC 9112 3.2.3", line("CONNECT /v1/x HTTP/1.1"),
            (400, 405, 501), haproxy=None),
    refused("a CONNECT of nothing", "RFC 9112 3.2.3", line("CONNECT HTTP/1.1")),
    case("OPTIONS of the server is answered", "RFC 9110 9.3.7",
         line("OPTIONS * HTTP/1.1"),
         Answer((200, 204), has={"allow": "GET, HEAD, POST, OPTIONS"}),
         OPEN, nginx=None, haproxy=None),
    case("OPTIONS of a path is answered", "RFC 9110 9.3.7",
         line("OPTIONS /v1/x HTTP/1.1"), Answer((200, 204)), OPEN,
         nginx=Run((line("OPTIONS /v1/x HTTP/1.1"), Answer(200)), (Seen(method="OPTIONS"),)),
         haproxy=Run((line("OPTIONS /v1/x HTTP/1.1"), Answer(200)), (Seen(method="OPTIONS"),))),
]

# --------------------------------------------------------------------------- target, its octets

OCTETS = [
    refused("a fragment in the target", "RFC 9112 3.2", get(target="/v1/x#f"), then=OPEN,
            nginx=PASSES, haproxy=(400,)),
    refused("a fragment after the query", "RFC 9112 3.2", get(target="/v1/x?q#f"), then=OPEN,
            nginx=PASSES),
    refused("a NUL in the target", "RFC 9112 3.2", line(b"GET /v1/x\0y HTTP/1.1")),
    refused("a control character in the target", "RFC 9112 3.2",
            line(b"GET /v1/x\x01 HTTP/1.1")),
    refused("a DEL in the target", "RFC 9112 3.2", line(b"GET /v1/x\x7f HTTP/1.1")),
    refused("UTF-8 in the path", "RFC 9112 3.2", line(b"GET /v1/\xc3\xa9 HTTP/1.1"),
            nginx=PASSES),
    refused("UTF-8 in the query", "RFC 9112 3.2", line(b"GET /v1/x?\xc3\xa9 HTTP/1.1"),
            nginx=PASSES),
    refused("a percent sign without digits", "RFC 3986 2.1", get(target="/v1/%"), then=OPEN,
            haproxy=PASSES),
    refused("a percent sign with one digit", "RFC 3986 2.1", get(target="/v1/%4"), then=OPEN,
            haproxy=PASSES),
    refused("a percent sign with other letters", "RFC 3986 2.1", get(target="/v1/%zz"),
            then=OPEN, haproxy=PASSES),
    refused("an encoded NUL in the path", "RFC 3986 7.3", get(target="/v1/x%00y"), then=OPEN,
            haproxy=PASSES),
    refused("an encoded CRLF in the path", "RFC 3986 7.3", get(target="/v1/x%0d%0ay"),
            then=OPEN, nginx=PASSES, haproxy=PASSES),
    passed("the query arrives as it was", "RFC 9110 7.7",
           get(target="/v1/x?a=/../token&b=%2F%2e%0d%0a&c=a+b&d=%C3%A9?&;=~"),
           "/v1/x?a=/../token&b=%2F%2e%0d%0a&c=a+b&d=%C3%A9?&;=~", "GET"),
    passed("an empty query stays", "RFC 9110 7.7", get(target="/v1/x?"), "/v1/x?", "GET"),
    passed("encoded letters of the path arrive as they were", "RFC 9110 7.7",
           get(target="/v1/%C3%A9a~!$&'()*+,;=:@"), "/v1/%C3%A9a~!$&'()*+,;=:@", "GET"),
    passed("an encoded space of the path arrives as it was", "RFC 3986 2.1",
           get(target="/v1/a%20b"), "/v1/a%20b", "GET"),
    passed("a target of 8000 octets passes", "RFC 9110 4.1",
           get(target="/v1/" + "x" * 7996), "/v1/" + "x" * 7996, "GET"),
    refused("a target over 8 KiB is 414", "RFC 9110 15.5.15", get(target="/v1/" + "x" * 8190),
            414, haproxy=None),
    refused("a query over 8 KiB is 414", "RFC 9110 15.5.15", get(target="/v1/x?" + "x" * 8190),
            414, haproxy=None),
    refused("a target without an end is 414 at once", "RFC 9110 15.5.15",
            b"GET /v1/" + b"x" * 17000, 414, haproxy=(400, 414)),
    refused("a refused target keeps its body off the connection", "RFC 9112 9.3",
            request("POST /v1/../x HTTP/1.1", "Content-Length: 36",
                    body=get(target="/v1/s")[:36]), then=OPEN, nginx=404, haproxy=PASSES),
]

CASES = [*FORMS, *VERSIONS, *METHODS, *TARGETS, *OCTETS]
