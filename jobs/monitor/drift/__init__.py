"""Drift: `verdict` decides, `reference` and `window` say what is compared, `report` draws it for people."""
