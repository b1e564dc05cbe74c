"""The steps of which random_mix.py makes an application."""
