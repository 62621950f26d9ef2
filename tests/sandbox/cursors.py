# SPDX-License-Identifier: MIT
"""Sentry's three cursor forms and the Link header.

  seek     `<score>:<ties>:<is_prev>`  issue stream, comments: items with score <= value, less the ties already shown
  page     `<per_page>:<page>:<is_prev>`  projects, members, teams, releases, environments
  offset   `0:<row>:<is_prev>`  issue events, project events, hashes
"""

from bisect import bisect_left

MAX_PER_PAGE = 100


class ApiError(Exception):
    """An answer other than 2xx; `body` is what the JSON says, or bytes for a ready body."""

    def __init__(self, status, body, headers=None, content_type="application/json"):
        super().__init__(status, body)
        self.status, self.body, self.headers, self.content_type = status, body, headers or {}, content_type


def detail(status, text, headers=None):
    return ApiError(status, {"detail": text}, headers)


def parse(text):
    if not text:        # sentry-cli sends an empty one for the first page
        return None
    parts = text.split(":")
    try:
        if len(parts) != 3 or parts[2] not in ("0", "1"):
            raise ValueError
        value = float(parts[0]) if "." in parts[0] else int(parts[0])
        return value, int(parts[1]), parts[2] == "1"
    except ValueError:
        raise detail(400, "Invalid cursor parameter.") from None


def per_page(request, cap=MAX_PER_PAGE):
    text = request.get("per_page")
    if text is None:
        return cap
    try:
        size = int(text)
    except ValueError:
        raise detail(400, "Invalid per_page parameter.") from None
    if not 1 <= size <= MAX_PER_PAGE:
        raise detail(400, f"Invalid per_page value. Must be between 1 and {MAX_PER_PAGE}.")
    return min(size, cap)


def link(request, prev, next_):
    """The Link header; prev and next_ are (cursor text, bool results). The URL is on the host that was asked."""
    kept = "&".join(p for p in request.raw_query.split("&") if p and not p.startswith("cursor="))
    base = request.origin + request.target.partition("?")[0] + "?" + kept
    parts = []
    for rel, (cursor, results) in (("previous", prev), ("next", next_)):
        parts.append(f'<{base}&cursor={cursor}>; rel="{rel}"; results="{"true" if results else "false"}"; '
                     f'cursor="{cursor}"')
    return {"Link": ", ".join(parts)}


def seek(request, items, scores, limit):
    """One page of a list in descending order of score. `scores` holds the negated scores, so that it ascends."""
    cursor = parse(request.get("cursor"))
    count = len(items)

    def first(value, hi=count):
        return bisect_left(scores, -value, 0, hi)

    if count == 0:
        return [], link(request, ("0:0:1", False), ("0:0:0", False))
    if cursor is None:
        low, high = 0, min(limit, count)
    elif cursor[2]:
        value = cursor[0]
        high = bisect_left(scores, -value + 1) if isinstance(value, int) else first(value)
        high = max(0, min(high, count))
        low = max(high - limit, 0)
    else:
        value, offset, _ = cursor
        low = min(first(value) + max(offset, 0), count) if value or offset else 0
        high = min(low + limit, count)
    before = -scores[min(low, count - 1)]
    after = -scores[min(high, count - 1)]
    return items[low:high], link(
        request, (f"{before}:{max(low - first(before, low), 0)}:1", low > 0),
        (f"{after}:{high - first(after, high)}:0", high < count))


def page(request, items, cap=MAX_PER_PAGE):
    """One page by page number (OffsetPaginator)."""
    size = per_page(request, cap)
    cursor = parse(request.get("cursor"))
    number = cursor[1] if cursor else 0
    low = number * (int(cursor[0]) or size) if cursor else 0
    if low < 0:
        raise detail(400, "Pagination offset cannot be negative")
    high = low + size
    return items[low:high], link(request, (f"{size}:{number - 1}:1", low > 0),
                                 (f"{size}:{number + 1}:0", high < len(items)))


def offset(request, items, cap=MAX_PER_PAGE):
    """One page by row (GenericOffsetPaginator)."""
    size = per_page(request, cap)
    cursor = parse(request.get("cursor"))
    low = cursor[1] if cursor else 0
    if low < 0:
        raise detail(400, "Pagination offset cannot be negative")
    high = low + size
    return items[low:high], link(request, (f"0:{max(low - size, 0)}:1", low > 0),
                                 (f"0:{high}:0", high < len(items)))
