"""Code versions: what dagster compares to say that an asset's code or settings have changed.

A version is a hash of the code that the asset's step rests on, of the settings that it reads and, where it
follows them, of the user's playbook, the opt-outs, the approvals, the ledger of experiments, the looks at them and the
households forgotten, so nobody has to remember to raise a number. The code is the step's own function and every module
of this package that it imports, directly or through others, as compiled without docstrings: a comment, a docstring or
another layout of the lines changes nothing. Another release of Python compiles to other versions.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dis import opmap
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import dagster as dg

import dunnhumby_pipeline
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.journey.forgotten import read_forgotten
from dunnhumby_pipeline.orchestration.platform.automation import condition_of, freshness_of
from dunnhumby_pipeline.orchestration.platform.bytecode import compiled_file
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.step import STEPS
from dunnhumby_pipeline.settings import Home, Settings
from dunnhumby_pipeline.targeting.opt_outs import opt_out_path

PACKAGE = dunnhumby_pipeline.__name__
ROOT = Path(dunnhumby_pipeline.__file__).parent
# What a step reads of the settings counts by value; how settings are read changes no table. Contracts count by the
# shape of what a step makes: their words, and the metrics shown beside a table, change nothing in it.
_NOT_FOLLOWED = tuple(
    f"{PACKAGE}.{name}"
    for name in ("settings", "contracts.table", "contracts.columns", "contracts.metrics", "contracts.registry")
)
# Declarations that hold words beside what tables rest on: `shape()` of such a module leaves the words out.
_BY_SHAPE = {
    f"{PACKAGE}.contracts.{module}": f"{PACKAGE}.contracts.{declared}"
    for module, declared in (
        ("feature", "features"),
        ("study_features", "features"),
        ("features", "features"),
        ("outcomes", "outcomes"),
    )
}
_NOTHING = opmap["NOP"]
_WIRING = f"{PACKAGE}.orchestration"
# What assets share lies beside them, and is a part of each that names it.
_ASSETS = f"{_WIRING}.assets."

# Settings that change the time a step takes and not its tables.
WITHOUT_EFFECT: Mapping[str, set[str]] = {name: {"n_jobs"} for name in ("cate", "nuisance", "power", "refutation")}


def versioned(assets: Iterable[object], settings: Settings, home: Home) -> list[dg.AssetsDefinition]:
    """The assets that modules define, each with its code version, its owners, and what the settings say of when it is
    rebuilt and when it is old.
    """
    owners, condition = list(settings.desk.owners), condition_of(settings, raw=False)

    def with_version(definition: dg.AssetsDefinition) -> dg.AssetsDefinition:
        version = step_version(definition.op, settings, home)
        [marked] = dg.map_asset_specs(
            lambda spec: spec.replace_attributes(
                code_version=version,
                owners=owners,
                automation_condition=condition,
                freshness_policy=freshness_of(table_of(spec.key), settings),
            ),
            [definition],
        )
        return marked

    return [with_version(made) for made in assets if isinstance(made, dg.AssetsDefinition)]


def source_versions(defs: dg.Definitions, tables: Iterable[str], settings: Settings) -> dict[str, str]:
    """The steps that tables come from, directly or through others, by name, each with the version of its code."""
    graph = defs.resolve_asset_graph()
    keys = dg.AssetSelection.assets(*(asset_key(name) for name in tables)).upstream().resolve(graph)
    wanted = {table(table_of(key)).made_by for key in keys & graph.materializable_asset_keys}
    made = {each.op.name: each.op for each in defs.assets or () if isinstance(each, dg.AssetsDefinition)}
    return {name: source_version(made[name], settings) for name in sorted(wanted & made.keys())}


def step_version(step: dg.OpDefinition, settings: Settings, home: Home) -> str:
    """The code version of a step: 16 hexadecimal digits. Of what it makes, shapes count and words do not."""
    declared = STEPS[step.name]
    read = {name: effective(settings, name) for name in declared.settings}
    own = ((declared.follows_playbook, home.playbook), (declared.follows_need_names, home.need_names))
    followed = [_own_or_packaged(file) for follows, file in own if follows]
    logs = (
        (declared.follows_ledger, home.ledger),
        (declared.follows_looks, home.looks),
        (declared.follows_approvals, home.approvals),
    )
    followed += [_content(log) for follows, log in logs if follows and log.is_file()]
    if declared.follows_forgotten and (left_out := read_forgotten(home.root)).households:
        followed.append(digest(left_out.households))
    opt_outs = opt_out_path(settings.contact.opt_out_file, home.root)
    if declared.follows_opt_outs and opt_outs is not None:
        followed.append(_content(opt_outs) if opt_outs.is_file() else "missing")
    if "nuisance.logged_propensities" in declared.settings and settings.nuisance.logged_propensities is not None:
        # Imported here, as it brings numpy along.
        from dunnhumby_pipeline.causal.nuisance.logged_propensity import logged_file

        logged = logged_file(settings.nuisance.logged_propensities, home.root)
        followed.append(_content(logged) if logged.is_file() else "missing")
    shapes = [table.shape() for table in declared.tables]
    return digest([code_hash(_function(step)), repr(shapes), repr(sorted(read.items())), *followed])


def _own_or_packaged(file: Path | None) -> str:
    return "packaged" if file is None else _content(file)


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(parts: Sequence[str]) -> str:
    """16 hexadecimal digits of the SHA-256 of the parts, each ended by a zero byte."""
    return hashlib.sha256("".join(f"{part}\0" for part in parts).encode()).hexdigest()[:16]


def effective(settings: Settings, name: str) -> Any:
    """A setting, or a section of them without those that change no table."""
    value = attrgetter(name)(settings)
    if not hasattr(value, "model_dump"):
        return value
    return sorted(value.model_dump(exclude=WITHOUT_EFFECT.get(name)).items())


def _function(step: dg.OpDefinition) -> Callable[..., Any]:
    """The step's own function: what refuses before it is called, or watches it, is no part of what it makes."""
    return inspect.unwrap(step.compute_fn.decorated_fn)  # type: ignore[union-attr]


def code_hash(function: Callable[..., Any]) -> str:
    """The hash of a function, of those of assets that it names, and of every module behind them."""
    own = ["\n".join(_instructions(part.__code__)) for part in _own_functions(function)]
    return digest([*own, *(module_hash(name) for name in modules_behind(function))])


def modules_behind(function: Callable[..., Any]) -> list[str]:
    """Modules of the package that a function imports, and those that they import, in order of their names.

    Of orchestration only what the function itself imports counts: what dagster is told about an asset, where it
    is stored and who is notified changes no table.
    """
    waiting = []
    for part in _own_functions(function):
        waiting += [module for module, _ in _globals(part) if not module.startswith(_WIRING)]
        waiting += _imports(part.__code__)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and not name.startswith(_NOT_FOLLOWED):
            found.add(name)
            waiting += [other for other in imports_of(name) if not other.startswith(_WIRING)]
    return sorted(found)


def _own_functions(function: Callable[..., Any]) -> list[FunctionType]:
    """The function and the functions of its own module and of others of assets that it names, directly or not."""
    found: dict[tuple[str, str], FunctionType] = {}
    waiting: list[Any] = [function]
    while waiting:
        part = waiting.pop()
        name = (part.__module__, part.__name__)
        if name not in found:
            found[name] = part
            own = [
                value for module, value in _globals(part) if module == function.__module__ or module.startswith(_ASSETS)
            ]
            waiting += [value for value in own if isinstance(value, FunctionType)]
    return [found[name] for name in sorted(found)]


def _globals(function: FunctionType) -> Iterator[tuple[str, object]]:
    """The globals that a function names and the module of the package in which each was made."""
    for code in _parts(function.__code__):
        for name in code.co_names:
            value = function.__globals__.get(name)
            made_in = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(made_in, str) and made_in.startswith(f"{PACKAGE}."):
                yield made_in, value


@cache
def modules() -> frozenset[str]:
    """The names of all modules of the package."""
    files = (path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py") if path.stem != "__init__")
    return frozenset(".".join((PACKAGE, *file.parts)) for file in files)


@cache
def imports_of(module: str) -> tuple[str, ...]:
    """Modules of the package that a module imports, anywhere in it."""
    return tuple(sorted(set(_imports(_compiled(module)))))


@cache
def module_hash(module: str) -> str:
    """The hash of a module's code, and of the files beside it that are not Python (a template); of declarations with
    words in them, the hash of their shape.
    """
    if module in _BY_SHAPE:
        return digest([module, repr(import_module(_BY_SHAPE[module]).shape())])
    beside = sorted(path for path in _file(module).parent.iterdir() if path.is_file() and path.suffix != ".py")
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in beside]
    return digest([module, *_instructions(_compiled(module)), *texts])


@cache
def _compiled(module: str) -> CodeType:
    return compiled_file(_file(module))


def _file(module: str) -> Path:
    place = ROOT.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _imports(code: CodeType) -> Iterator[str]:
    """Modules of the package that code imports; `from folder import module` names folder and module apart."""
    for part in _parts(code):
        for name in part.co_names:
            if name.startswith(f"{PACKAGE}."):
                yield name
                yield from (inner for inner in (f"{name}.{other}" for other in part.co_names) if inner in modules())


def _parts(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _instructions(code: CodeType) -> Iterator[str]:
    """What code does, without where its lines stand."""
    for part in _parts(code):
        does = part.co_code
        if _NOTHING in does[::2]:
            # A docstring that is dropped leaves an instruction that does nothing.
            pairs = zip(does[::2], does[1::2], strict=True)
            does = bytes(byte for pair in pairs if pair[0] != _NOTHING for byte in pair)
        yield does.hex()
        yield repr((part.co_name, part.co_names, part.co_varnames, part.co_freevars, part.co_cellvars))
        yield repr((part.co_argcount, part.co_posonlyargcount, part.co_kwonlyargcount, part.co_flags))
        yield from (_constant(constant) for constant in part.co_consts)


def _constant(constant: object) -> str:
    if isinstance(constant, CodeType):
        return constant.co_name
    if isinstance(constant, frozenset):
        # A set of texts has another order in every process.
        return f"frozenset({sorted(map(_constant, constant))})"
    if isinstance(constant, tuple):
        return f"({', '.join(map(_constant, constant))})"
    return f"{type(constant).__name__}:{constant!r}"


def source_version(step: dg.OpDefinition, settings: Settings) -> str:
    """A version of a step's code that every release of Python gives alike: of its syntax, not of what it compiles to.

    Of contracts that hold words, the words do not count; of what it makes, shapes do.
    """
    declared = STEPS[step.name]
    function = _function(step)
    own = [_syntax(inspect.getsource(part), words=True) for part in _own_functions(function)]
    behind = [
        _syntax(_file(name).read_text(encoding="utf-8"), words=name not in _BY_SHAPE)
        for name in modules_behind(function)
    ]
    read = {name: repr(effective(settings, name)) for name in declared.settings}
    return digest([*own, *behind, repr([table.shape() for table in declared.tables]), repr(sorted(read.items()))])


@cache
def _syntax(source: str, *, words: bool) -> str:
    """The syntax tree of `source` without docstrings, and without any text at all where `words` do not count."""
    return repr(_plain(ast.parse(source), words))


def _plain(node: object, words: bool) -> object:
    """A tree of tuples with what a node has: fields that are empty are left out, as newer releases add some."""
    if isinstance(node, list):
        return [_plain(each, words) for each in node if not _is_text(each)]
    if not isinstance(node, ast.AST):
        return type(node).__name__ if isinstance(node, str) and not words else repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    return (
        type(node).__name__,
        *((name, _plain(value, words or name in ("id", "attr", "arg"))) for name, value in fields),
    )


def _is_text(node: object) -> bool:
    """Whether a statement is nothing but a text: a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
