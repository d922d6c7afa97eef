"""Draw, tabulate and print a plan: still maps, GeoPackage, CSV tables and the terminal."""
