"""What is measured of a recording without a network, and how rare a measurement is."""
