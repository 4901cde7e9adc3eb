"""What the artefact notebooks show: one module per figure, table or section of the paper.

Nothing is imported here, so that a notebook waits for the libraries it uses and no others.
"""
