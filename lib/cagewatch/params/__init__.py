"""Parameters: YAML layers and notebook values in, one frozen and validated object out."""

from cagewatch.params.layers import (
    applicable,
    check_values,
    choices,
    layers_root,
    name_path,
    project_root,
    read_flat,
    read_layer,
    read_model,
    refuse_unknown,
    resolve,
    validate,
    write_params,
)
from cagewatch.params.notebook import from_notebook, parameters_cell, read_cell
from cagewatch.params.schema import (
    BEFORE,
    Fraction,
    Names,
    NaturalInt,
    Parameters,
    PositiveFloat,
    PositiveInt,
    Region,
    Scale,
)
