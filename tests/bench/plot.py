"""plot - the figures of one run as an SVG: each peer relative to nginx, on a logarithmic scale.

One row a figure, one mark a peer at the median of its rounds, a line from the least to the
greatest. Left of the middle line is less than nginx. Text and shapes only, no library: the
file is committed, and its diff can be read.

SPDX-License-Identifier: MIT
"""
import math
import statistics

# figure -> (label, the peer at 1)
ROWS = {
    "post": ("POST: CPU per request", "nginx"),
    "stream": ("SSE: CPU per event, 200 streams", "nginx"),
    "many": ("SSE: CPU per event, 1,000 streams", "nginx"),
    "body64k": ("64 KiB body: CPU per MiB", "nginx"),
    "body1m": ("1 MiB body: CPU per MiB", "nginx"),
    "body20m": ("20 MiB body: CPU per MiB", "nginx"),
    "p50": ("added latency, p50", "nginx"),
    "rest": ("memory at rest", "nginx"),
    "idle": ("memory per idle connection", "nginx"),
    "open": ("memory per open stream", "nginx"),
}
COLOURS = {"gateway": "#c0392b", "relay": "#7f8c8d", "nginx": "#27864a", "nginx-buf": "#8fbf9f",
           "haproxy": "#2c6fbb", "fastify": "#b7860b"}
SCALE = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
LEFT, WIDTH, ROW_HEIGHT, TOP = 240, 560, 30, 60


def x_of(ratio):
    low, high = math.log(SCALE[0]), math.log(SCALE[-1])
    inside = min(max(math.log(max(ratio, 1e-9)), low), high)
    return LEFT + WIDTH * (inside - low) / (high - low)


def label(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


def scale(bottom):
    parts = []
    for value in SCALE:
        x = x_of(value)
        stroke = "#555" if value == 1 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" '
                     f'stroke="{stroke}"/>')
        parts.append(label(x, bottom + 16, f"{value:g}", "middle"))
    parts.append(label(LEFT + WIDTH / 2, bottom + 36,
                       "times nginx (logarithmic; less is better)", "middle"))
    return parts


def legend(who):
    parts, x = [], LEFT
    for peer in who:
        parts.append(f'<circle cx="{x + 5}" cy="26" r="5" fill="{COLOURS[peer]}"/>')
        parts.append(label(x + 14, 30, peer))
        x += 26 + 8 * len(peer)
    return parts


def mark(y, peer, values):
    colour = COLOURS[peer]
    radius = 6 if peer == "gateway" else 4
    return [f'<line x1="{x_of(min(values)):.1f}" y1="{y}" x2="{x_of(max(values)):.1f}" '
            f'y2="{y}" stroke="{colour}" stroke-width="2" stroke-opacity="0.5"/>',
            f'<circle cx="{x_of(statistics.median(values)):.1f}" cy="{y}" r="{radius}" '
            f'fill="{colour}" fill-opacity="0.85"/>']


def row(y, words, by_peer, base):
    parts = [label(LEFT - 12, y + 4, words, "end")]
    for peer in sorted(by_peer, key=list(COLOURS).index, reverse=True):  # the gateway on top
        pairs = [v / b for v, b in zip(by_peer[peer], by_peer[base]) if b > 0]
        if pairs and peer != base:
            parts += mark(y, peer, pairs)
    return parts


def svg(found):
    shown = [(words, found[figure], base) for figure, (words, base) in ROWS.items()
             if base in found.get(figure, {})]
    who = [p for p in COLOURS if p != "nginx" and any(p in by_peer for _, by_peer, _ in shown)]
    bottom = TOP + ROW_HEIGHT * len(shown)
    parts = [*legend(who), *scale(bottom)]
    for i, (words, by_peer, base) in enumerate(shown):
        parts += row(TOP + ROW_HEIGHT * i + 12, words, by_peer, base)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" '
        f'height="{bottom + 50}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"
