"""mfgamm: mean field games of energy communities cleared by automated market makers."""
