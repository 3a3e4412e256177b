"""Twins and builders. A twin is lawful only while the suite that it passes is passed by the real part too."""
