"""Measurements of mfgamm against its peers: one file per question, results as JSON."""
