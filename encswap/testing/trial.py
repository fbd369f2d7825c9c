"""An encoder under test at mini scale: its model, a base of its width, and both swapped."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from encswap.data.input import find_data
from encswap.data.readers import read_examples
from encswap.data.units import CachedSplitter
from encswap.errors import UnknownNameError
from encswap.gliner import model as gliner
from encswap.models import resolve
from encswap.plugins import PluginRecord, Plugins
from encswap.recipe import read_recipe
from encswap.swap.assemble import Swapped, grow_embeddings, swap_encoder
from encswap.testing.mini.encoders import WIDTH, draw_encoder, mini_encoder
from encswap.testing.mini.tokenizers import train_tokenizer
from encswap.types import BaseSpec, EmbeddingTable, EncoderSpec, Fact, LoadedEncoder, Source

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SEED = 7
RECIPE = "mini-base"
MAX_WIDTH = 8


@dataclass(frozen=True)
class Trial:
    """One encoder of one plugin; everything is built when it is first needed."""

    plugins: Plugins
    record: PluginRecord
    spec: EncoderSpec
    methods: tuple[str, ...] = ()

    @cached_property
    def source(self) -> Source:
        """The mini model's files, built from the recorded facts."""
        mini_encoder(self.spec)
        return resolve(self.spec.name, self.plugins, scale="mini")

    def load(self) -> LoadedEncoder:
        """Load the encoder anew: a swap takes it over."""
        return self.plugins.load_encoder(self.spec, self.source)

    @cached_property
    def splitter(self) -> CachedSplitter:
        """The word splitter that the encoder names."""
        return CachedSplitter(self.plugins.splitter(self.spec.word_splitter))

    @cached_property
    def base_spec(self) -> BaseSpec:
        """The base that mini models stand for."""
        name = read_recipe(layers=(RECIPE,)).base
        if name not in self.plugins.bases:
            raise UnknownNameError("base", name, [*self.plugins.bases])
        return self.plugins.bases[name]

    @cached_property
    def base(self) -> PreTrainedModel:
        """An untrained mini base whose hidden size is the encoder's, so that every one fits."""
        import torch

        from encswap.testing.mini.base import COUNTING_LAYER

        width = int(self.load().model.config.hidden_size) * WIDTH
        config = {**self.base_spec.config, "hidden_size": width}
        spec = replace(
            self.base_spec, facts={**self.base_spec.facts, "config": Fact(config, "R", "")}
        )
        recipe = read_recipe(layers=(RECIPE,))
        texts = [example.text for example in read_examples(find_data(str(recipe.test)))]
        tokenizer = train_tokenizer(spec.fact("tokenizer", {}), texts)
        gliner.add_markers(tokenizer)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return gliner.new_model(
                None,
                LoadedEncoder(draw_encoder(spec, tokenizer), tokenizer),
                model_name=spec.hub_id,
                max_width=MAX_WIDTH,
                counting_layer=COUNTING_LAYER,
            )

    def table(self) -> EmbeddingTable:
        """The encoder's word embeddings with room for the marker rows."""
        loaded = self.load()
        tokenizer = copy.deepcopy(loaded.tokenizer)
        markers = gliner.add_markers(tokenizer)
        grow_embeddings(loaded.model, len(tokenizer), max(markers.values()))
        return gliner.table_of(loaded.model, tokenizer)

    @cached_property
    def swapped(self) -> Swapped:
        """The base with this encoder."""
        return swap_encoder(
            self.base,
            self.load(),
            self.plugins,
            splitter=self.splitter,
            name=self.source.identifier,
            method=self.asked_methods[0],
            seed=SEED,
        )

    @cached_property
    def asked_methods(self) -> tuple[str, ...]:
        """The embedding methods that are tried: the plugin's, else the recipe's."""
        return self.methods or (read_recipe().embeddings,)
