"""Every trainable parameter stands in exactly one group of the optimizer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from encswap.errors import TrainingError
from encswap.swap.assemble import swap_encoder
from encswap.train.groups import refuse_bad_cover
from encswap.types import ParamGroupSettings

SETTINGS = ParamGroupSettings(encoder_lr=2e-5, head_lr=5e-4, weight_decay=0.01)


@pytest.mark.parametrize("name", ["ko-deberta", "koelectra", "klue-roberta", "xlm-r"])
def test_groups_cover_every_trainable_parameter_once(base, plugins, load_mini, name):
    splitter = plugins.splitter("whitespace")
    model = swap_encoder(base, load_mini(name), plugins, splitter=splitter, name=name).model
    groups = plugins.build_param_groups(model, SETTINGS)
    held = [id(parameter) for group in groups for _, parameter in group.parameters]
    assert len(held) == len(set(held))
    assert set(held) == {id(p) for p in model.parameters() if p.requires_grad}


def test_rates_and_decay_follow_the_recipe(base, plugins):
    groups = plugins.build_param_groups(base, SETTINGS)
    for group in groups:
        for name, parameter in group.parameters:
            inside = name.startswith("encoder.")
            assert group.learning_rate == (2e-5 if inside else 5e-4)
            assert group.weight_decay == (0.0 if parameter.ndim == 1 else 0.01)


def test_a_frozen_parameter_is_in_no_group(base, plugins):
    import copy

    model = copy.deepcopy(base)
    model.encoder.requires_grad_(False)
    groups = plugins.build_param_groups(model, SETTINGS)
    refuse_bad_cover(model, groups)
    assert {group.name.split(",")[0] for group in groups} == {"heads"}


def test_a_parameter_left_out_is_refused_by_name(base, plugins):
    groups = plugins.build_param_groups(base, SETTINGS)
    dropped = groups[0].parameters[0][0]
    groups[0] = replace(groups[0], parameters=groups[0].parameters[1:])
    with pytest.raises(TrainingError, match=dropped):
        refuse_bad_cover(base, groups)


def test_a_parameter_in_two_groups_is_refused(base, plugins):
    groups = plugins.build_param_groups(base, SETTINGS)
    with pytest.raises(TrainingError, match="in two groups"):
        refuse_bad_cover(base, [*groups, groups[0]])


def rates(groups):
    return {name: group.learning_rate for group in groups for name, _ in group.parameters}


@pytest.mark.parametrize("name", ["ko-deberta", "koelectra", "klue-roberta"])
def test_layers_decay_from_the_top_and_the_embeddings_learn_least(base, plugins, load_mini, name):
    splitter = plugins.splitter("whitespace")
    model = swap_encoder(base, load_mini(name), plugins, splitter=splitter, name=name).model
    groups = plugins.build_param_groups(model, replace(SETTINGS, layer_decay=0.5))
    refuse_bad_cover(model, groups)
    rate = rates(groups)
    layers = model.encoder.config.num_hidden_layers
    for layer in range(layers):
        found = {value for key, value in rate.items() if f".layer.{layer}." in key}
        assert found == {2e-5 * 0.5 ** (layers - 1 - layer)}
    lowest = {value for key, value in rate.items() if key.startswith("encoder.embeddings")}
    assert lowest == {2e-5 * 0.5**layers}
    assert {value for key, value in rate.items() if not key.startswith("encoder.")} == {5e-4}


def test_a_plugin_divides_the_parameters_its_own_way(base):
    from encswap import ParamGroup, hookimpl
    from encswap.plugins import load_plugins

    class Own:
        @hookimpl
        def build_param_groups(self, model, settings):
            named = tuple((n, p) for n, p in model.named_parameters() if p.requires_grad)
            return [ParamGroup("all", named, settings.head_lr * settings.layer_decay, 0.0)]

    plugins = load_plugins([("own", Own())])
    (group,) = plugins.build_param_groups(base, replace(SETTINGS, layer_decay=0.5))
    assert group.learning_rate == 2.5e-4
