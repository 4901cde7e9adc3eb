"""What a recording was labelled with: tables of bouts, BORIS projects, DeepEthogram, frames."""
