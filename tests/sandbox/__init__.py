# SPDX-License-Identifier: MIT
"""A Sentry-compatible server on loopback, for tests and demonstrations. Start it with ./serve; see README.md."""
