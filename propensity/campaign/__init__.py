"""Campaigns: whom to target, whom to hold back, what came of it. No page and no HTTP; the dashboard stands on this."""
