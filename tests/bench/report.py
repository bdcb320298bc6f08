"""report - figures into tables: medians with their spread, ratios, and what was asked for.

A ratio is made in each round from two neighbours in time, and then the median of those is
taken: what slows the machine for a second slows both. The spread is the least and the greatest
of the rounds.

SPDX-License-Identifier: MIT
"""
import statistics

# figure -> (words, unit, digits)
FIGURES = {
    "post": ("POST 600 B -> 250 B: CPU per request", "us", 1),
    "p50": ("POST, one connection: added latency, p50", "us", 0),
    "p99": ("POST, one connection: added latency, p99", "us", 0),
    "stream": ("SSE, 200 streams x 50/s: CPU per event", "us", 1),
    "few": ("SSE, 10 streams x 100/s: CPU per event", "us", 1),
    "many": ("SSE, 1,000 streams x 1/s: CPU per event", "us", 1),
    "growth": ("SSE: 1,000 streams over 10, per event", "x", 2),
    "body64k": ("64 KiB request bodies: CPU per MiB", "us", 0),
    "body1m": ("1 MiB request bodies: CPU per MiB", "us", 0),
    "body20m": ("20 MiB request bodies: CPU per MiB", "us", 0),
    "rest": ("memory at rest (RssAnon)", "MiB", 2),
    "idle": ("memory of an idle connection", "KiB", 2),
    "open": ("memory of an open stream", "KiB", 2),
}
PEER_ORDER = ["gateway", "relay", "nginx", "nginx-buf", "haproxy", "fastify"]

# What issue 4 asks of the gateway: (figure, of whom, at most so many times theirs). None: the
# figure itself is at most so much. The relay is an aim, not a limit.
TARGETS = [
    ("post", "nginx", 1.0), ("post", "haproxy", 1.0), ("post", "relay", 1.15),
    ("p50", "nginx", 1.0), ("p99", "nginx", 1.0),
    ("stream", "nginx", 1.0), ("stream", "haproxy", 1.0),
    ("growth", None, 1.3),
    ("body64k", "nginx-buf", 1.5), ("body1m", "nginx-buf", 1.5), ("body20m", "nginx-buf", 1.5),
    ("rest", None, 4.0), ("idle", "nginx", 1.0), ("open", "nginx", 1.0),
]


def ratios(found, figure, peer):
    """Of the gateway to `peer`, one a round; rounds without a meaning are left out."""
    ours, theirs = found.get(figure, {}).get("gateway"), found.get(figure, {}).get(peer)
    if not ours or not theirs:
        return []
    return [a / b for a, b in zip(ours, theirs) if b > 0]


def show(values, digits):
    """median (least to greatest)"""
    if not values:
        return ""
    median = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return median
    return f"{median} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def peers_in(found):
    seen = {peer for by_peer in found.values() for peer in by_peer}
    return [peer for peer in PEER_ORDER if peer in seen]


def figure_rows(found):
    who = peers_in(found)
    rows = [["median (spread)", "unit", *who]]
    for figure, (words, unit, digits) in FIGURES.items():
        if figure in found:
            rows.append([words, unit,
                         *[show(found[figure].get(peer, []), digits) for peer in who]])
    return rows


def ratio_rows(found):
    who = [peer for peer in peers_in(found) if peer != "gateway"]
    rows = [["gateway divided by", *who]]
    for figure, (words, _, _) in FIGURES.items():
        cells = [show(ratios(found, figure, peer), 2) for peer in who]
        if any(cells):
            rows.append([words, *cells])
    return rows


def target_rows(found):
    rows = [["asked for", "at most", "measured", "met"]]
    for figure, peer, limit in TARGETS:
        words, unit, _ = FIGURES[figure]
        values = ratios(found, figure, peer) if peer else found.get(figure, {}).get("gateway")
        if values:
            bound = f"{limit:g} x {peer}" if peer else f"{limit:g} {unit}"
            is_met = statistics.median(values) <= limit
            rows.append([words, bound, show(values, 2), "yes" if is_met else "NO"])
    return rows


def as_text(rows):
    """Columns for a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_markdown(rows):
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def foot(run):
    parts = [f"{run['cpus']} CPUs", f"{run['seconds']} s"]
    parts += [f"{name} {version}" for name, version in run["versions"].items()]
    direct = run["found"].get("direct_p50")
    if direct:
        parts.append(f"p50 without a proxy {statistics.median(direct['direct']):.0f} us")
    return f"{run['when']}, commit {run['commit']}: " + ", ".join(parts)


def text(run):
    found = run["found"]
    tables = [figure_rows(found), ratio_rows(found), target_rows(found)]
    shown = [as_text(rows) for rows in tables if len(rows) > 1]
    return "\n\n".join([*shown, foot(run)])


def markdown(run):
    found = run["found"]
    return "\n\n".join([
        "![CPU and memory of each proxy, relative to nginx](ratios.svg)",
        "What was asked for:", as_markdown(target_rows(found)),
        "Figures:", as_markdown(figure_rows(found)),
        "Ratios, made in each round:", as_markdown(ratio_rows(found)), foot(run)])
