"""The cases of a verification: which promises of which plugin, and their outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from encswap.errors import EncswapError, InputError, UnknownNameError, one_line
from encswap.plugins import PluginRecord, Plugins, load_plugins
from encswap.testing import encoder_laws, plugin_laws, splitter_laws
from encswap.testing.mini.tokenizers import MAKERS
from encswap.testing.plugin_laws import BrokenPromiseError, Remark, Skipped
from encswap.testing.trial import Trial
from encswap.types import EncoderSpec

OutcomeStatus = Literal["kept", "remark", "broken", "skipped"]
PAGE = "docs/plugins.md"
MINI_FACTS = (
    "add facts['config'] (the fields of config.json) and facts['tokenizer'] (model: WordPiece, "
    "Unigram or BPE), of which the mini model is built"
)


@dataclass(frozen=True)
class Case:
    """One promise of one subject; `needs` are promises that must be kept before."""

    subject: str
    promise: str
    check: Callable[[], None]
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.subject}-{self.promise}"


@dataclass(frozen=True)
class Outcome:
    """Whether a promise is kept, in how many seconds, and where it is written down."""

    subject: str
    promise: str
    status: OutcomeStatus
    message: str
    seconds: float

    @property
    def page(self) -> str:
        """The place in the documentation that says what is promised."""
        return f"{PAGE}#{self.promise}"


class Verification:
    """The cases of one plugin, encoder or splitter; each runs once, when it is needed."""

    def __init__(self, plugin: PluginRecord, cases: Sequence[Case]) -> None:
        self.plugin = plugin
        self.cases = tuple(cases)
        self._outcomes: dict[Case, Outcome] = {}

    @classmethod
    def of(
        cls,
        name: str,
        plugins: Plugins | None = None,
        *,
        methods: Sequence[str] = (),
        bare: bool = False,
    ) -> Verification:
        """Find what is called `name`.

        Raises `InputError` where an encoder has too few facts for mini scale; where it may be
        `bare`, its promises are skipped.
        """
        plugins = plugins or load_plugins()
        record = _find(name, plugins)
        cases = [_case(record.name, law, record, plugins) for law in plugin_laws.LAWS]
        if record.error is not None:
            return cls(record, cases)
        whole = name == record.name
        encoders = record.encoders if whole else [one for one in record.encoders if one == name]
        splitters = record.splitters if whole else [one for one in record.splitters if one == name]
        if whole and not encoders and set(record.hooks) & set(encoder_laws.HOOKS):
            encoders = [_stand_in(plugins)]
        for encoder in encoders:
            trial = Trial(plugins, record, plugins.encoders[encoder], tuple(methods))
            if (lack := _lack(trial.spec)) is not None:
                if not bare:
                    raise lack
                cases.append(Case(encoder, "loads", partial(_skip, str(lack))))
                continue
            cases += [_case(encoder, law, trial) for law in encoder_laws.laws_for(trial)]
        for splitter in splitters:
            subject = splitter_laws.Cut(plugins, splitter)
            cases += [_case(splitter, law, subject) for law in splitter_laws.LAWS]
        return cls(record, cases)

    def outcome(self, case: Case) -> Outcome:
        """Run a case, after those that it needs; whatever it raises is a broken promise."""
        if case not in self._outcomes:
            self._outcomes[case] = self._run(case)
        return self._outcomes[case]

    def _run(self, case: Case) -> Outcome:
        for other in self.cases:
            if other.subject == case.subject and other.promise in case.needs:
                before = self.outcome(other)
                if before.status in ("broken", "skipped"):
                    message = f"needs {before.promise!r}, which is {before.status}"
                    return Outcome(case.subject, case.promise, "skipped", message, 0.0)
        began = time.monotonic()
        status, message = _ask(case.check)
        return Outcome(case.subject, case.promise, status, message, time.monotonic() - began)


def _ask(check: Callable[[], None]) -> tuple[OutcomeStatus, str]:
    try:
        check()
    except Remark as remark:
        return "remark", str(remark)
    except Skipped as skipped:
        return "skipped", str(skipped)
    except (BrokenPromiseError, EncswapError) as error:
        return "broken", str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return "broken", one_line(error)
    return "kept", ""


def _case(subject: str, law: Callable[..., None], *arguments: object) -> Case:
    """Make a case of a law: a function whose name is the promise's."""
    needs = tuple(name.replace("_", "-") for name in getattr(law, "needs", ()))
    return Case(subject, law.__name__.replace("_", "-"), partial(law, *arguments), needs)


def _lack(spec: EncoderSpec) -> InputError | None:
    """What is missing for a mini model, in one line."""
    kind = spec.fact("tokenizer", {}).get("model")
    if spec.config.get("model_type") and kind in MAKERS:
        return None
    fault = f"{spec.name} cannot be built at mini scale"
    if kind is not None and kind not in MAKERS:
        known = " or ".join(MAKERS)
        return InputError(
            f"{fault}: its tokenizer is {kind}, a mini one is {known}",
            hint=f"its own files are looked at by `encswap check {spec.name} --depth forward`",
        )
    also = f"; it is recorded as {spec.layout}" if spec.layout != "encoder" else ""
    return InputError(f"{fault}{also}", hint=MINI_FACTS)


def _skip(reason: str) -> None:
    raise Skipped(reason)


def _find(name: str, plugins: Plugins) -> PluginRecord:
    owner = plugins.owner_of("encoder", name) or plugins.owner_of("splitter", name)
    found = plugins.records.get(name) or owner
    if found is None:
        known = [*plugins.records, *plugins.encoders, *plugins.splitter_names]
        raise UnknownNameError("plugin, encoder or splitter", name, sorted(set(known)))
    return found


def _stand_in(plugins: Plugins) -> str:
    """An encoder of somebody else's, for a plugin that has hooks but no encoder."""
    for name, spec in plugins.encoders.items():
        if _lack(spec) is None and spec.layout == "encoder":
            return name
    raise InputError("no registered encoder has facts enough for mini scale", hint=MINI_FACTS)
