"""The mouse: its body, its postures, and how it moves through a behaviour."""
