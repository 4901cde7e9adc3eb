"""Parameters: layers, strictness, and that the shipped layers state the paper's settings."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cagewatch import params
from cagewatch.errors import InputError

ROOT = params.project_root()


def test_every_shipped_layer_resolves():
    for kind in ("dataset", "model", "scale"):
        for name in params.choices(kind):
            assert getattr(params.resolve({kind: name}), kind) == name
    for target in params.choices("behaviour"):
        assert params.resolve({"target": target}).target == target


def test_every_parameter_stands_in_one_layer_of_defaults():
    """In base.yaml if all detectors read it, else in a family's or model's: never in both."""
    base = params.read_layer(ROOT / "params" / "base.yaml")
    models = [params.read_model(name).keys() for name in params.choices("model")]
    assert base.keys() | set().union(*models) == set(params.Parameters.model_fields)
    assert not base.keys() & set().union(*models)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("rae", dict(image=0.75, flow=1.0, epochs=120, batch=64, dilation=1)),
        ("cae", dict(image=1.0, flow=1.0, epochs=60, batch=32, dilation=2)),
    ],
)
def test_table_1_is_what_the_paper_states(model, expected):
    p = params.resolve({"model": model})
    assert (p.image_loss_weight, p.flow_loss_weight) == (expected["image"], expected["flow"])
    assert (p.epochs, p.batch_size, p.dilation_rate) == (
        expected["epochs"],
        expected["batch"],
        expected["dilation"],
    )
    assert (p.optimiser, p.learning_rate, p.beta_1) == ("adam", 2e-4, 0.5)


def test_the_supervised_model_has_the_settings_of_section_3_4():
    p = params.resolve({"model": "supervised"})
    assert (p.optimiser, p.learning_rate, p.epochs) == ("sgd", 5e-4, 120)


def test_unknown_name_is_refused_with_the_nearest_known_one():
    with pytest.raises(InputError, match="'learning_rat'.*did you mean 'learning_rate'"):
        params.resolve({"learning_rat": 1e-4})


@pytest.mark.parametrize(
    ("given_values", "said"),
    [
        ({"model": "cea"}, "did you mean 'cae'"),
        ({"target": "gromm"}, "did you mean 'groom'"),
        ({"scale": "qick"}, "did you mean 'quick'"),
        ({"dataset": "../../etc/passwd"}, "choose one of"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"gamma": -1}, "gamma=-1"),
        ({"gamma": float("nan")}, "gamma"),
        ({"flow_representation": "magnitud"}, "flow_representation"),
    ],
)
def test_wrong_values_are_named(given_values, said):
    with pytest.raises(InputError, match=said):
        params.resolve(given_values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", [1, 2]),
        ("region", [0, 0, -1, 4]),
        ("resize_height", 100_000),
        ("crop_top", 2**31 - 1),
        ("clip_length", 10**6),
        ("batch_size", 10**8),
        ("epochs", 2**31 - 1),
        ("simulate_frames", 2**31 - 1),
        ("components", 2**31 - 1),
    ],
)
def test_what_no_machine_can_hold_is_refused_when_it_is_given(name, value):
    model = "pca_frames" if name == "components" else "cae"
    with pytest.raises(InputError, match=name):
        params.resolve({"model": model, name: value})


def test_what_the_detector_does_not_read_is_refused():
    with pytest.raises(InputError, match="learning_rate does not apply to the detector 'density'"):
        params.resolve({"model": "density", "learning_rate": 1e-3})
    assert params.resolve({"model": "density"}).learning_rate is None
    assert "learning_rate" not in params.applicable(params.resolve({"model": "density"}))


def test_a_name_given_twice_in_a_layer_is_refused(tmp_path):
    """YAML would keep the last without a word."""
    (tmp_path / "mine.yaml").write_text("gamma: 0.5\nseed: 1\ngamma: 0.7\n")
    with pytest.raises(InputError, match="'gamma' is given twice"):
        params.read_layer(tmp_path / "mine.yaml")


@pytest.mark.parametrize("given_value", [3500, [3500], ["3500"], "3500"])
def test_recordings_may_be_named_by_a_number_and_one_without_brackets(given_value):
    for name in ("train_recordings", "test_recordings"):
        resolved = params.resolve({"dataset": "folder", name: given_value})
        assert getattr(resolved, name) == ["3500"]


def test_yaml_scientific_notation_is_a_number(tmp_path):
    # YAML 1.1 reads 1e-4 as a string.
    layer = tmp_path / "mine.yaml"
    layer.write_text("learning_rate: 1e-4\n")
    assert params.resolve(params.read_layer(layer)).learning_rate == 1e-4


def test_none_means_as_the_layers_say_and_a_value_wins():
    assert params.resolve({"model": "rae", "epochs": None}).epochs == 120
    assert params.resolve({"model": "rae", "epochs": 60}).epochs == 60


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "\x00", "gama: 1\n", "? [1]: 2\n"])
def test_damaged_layers_are_refused_in_one_sentence(tmp_path, text):
    layer = tmp_path / "bad.yaml"
    layer.write_text(text)
    with pytest.raises(InputError, match="bad.yaml"):
        params.read_layer(layer)


def test_written_parameters_read_back_equal(tmp_path):
    resolved = params.resolve({"dataset": "ped2", "model": "rae", "region": [1, 2, 30, 40]})
    params.write_params(resolved, tmp_path / "params.yaml")
    assert params.validate(yaml.safe_load((tmp_path / "params.yaml").read_text())) == resolved


@settings(max_examples=15)
@given(
    st.dictionaries(
        st.text(max_size=12), st.none() | st.integers() | st.text(max_size=5) | st.floats()
    )
)
def test_anything_given_is_resolved_or_refused(values):
    try:
        assert isinstance(params.resolve(values), params.Parameters)
    except InputError:
        pass


def test_notebook_cells_own_and_injected():
    own = params.parameters_cell()
    namespace = {"In": ["", own, "# Parameters\nmodel = 'rae'\nepochs = 60\n"]}
    for source in namespace["In"]:
        exec(source, namespace)  # what a kernel does with the cells
    resolved = params.from_notebook(namespace)
    assert (resolved.model, resolved.epochs, resolved.batch_size) == ("rae", 60, 64)


def test_notebook_refuses_a_mistyped_injected_parameter_but_not_a_users_own_variable():
    namespace = {"In": ["", params.parameters_cell(), "x = 3", "# Parameters\nmodle = 'rae'\n"]}
    for source in namespace["In"]:
        exec(source, namespace)
    with pytest.raises(InputError, match="'modle'.*did you mean 'model'"):
        params.from_notebook(namespace)


def test_edited_cell_counts_as_given():
    edited = params.parameters_cell().replace("seed: int = 0", "seed: int = 7")
    namespace = {"In": [edited]}
    exec(edited, namespace)
    assert params.from_notebook(namespace).seed == 7


@pytest.mark.parametrize("notebook", ["experiment", "prepare"])
def test_a_notebook_of_a_run_has_every_parameter(notebook: str) -> None:
    source = (params.layers_root() / "notebooks" / f"{notebook}.py").read_text(encoding="utf-8")
    assert params.parameters_cell() in source, "paste what python -m cagewatch.params.notebook says"
