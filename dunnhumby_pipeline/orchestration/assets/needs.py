"""What households come for: needs and tags from the commodities they buy."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step
from dunnhumby_pipeline.orchestration.platform.storage import put
from dunnhumby_pipeline.orchestration.platform.versions import digest


@step(settings=("seed", "needs"), deps=["transactions", "products"], follows_need_names=True)
def find_needs(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """NMF of households by commodities: one need to label a household, and finer tags, named as in the run before."""
    from dunnhumby_pipeline.segmentation.needs.evidence import need_evidence
    from dunnhumby_pipeline.segmentation.needs.names import NeedNamesError, load_need_names
    from dunnhumby_pipeline.segmentation.needs.store import previous_needs, save_need_model
    from dunnhumby_pipeline.segmentation.needs.tables import find_needs as find

    settings, model = study.settings, study.table("need_model")
    start = model.with_name(f"need_model_start{model.suffix}")
    seed = settings.seed_for("needs")
    with refusing(NeedNamesError):
        names = load_need_names(study.home.need_names)
    evidence = need_evidence(study.journey_tables(), settings.needs, settings.engine, seed)
    code = context.assets_def.code_versions_by_key[asset_key(model.stem)] or ""
    version = digest([evidence.fingerprint, code])
    previous, without = previous_needs(model)
    # A model of these very data, settings and code is what is about to be fitted: it starts where that one did.
    again = previous is not None and previous.data_version == version
    if again:
        previous, without = previous_needs(start)
    found = find(evidence, names, settings.needs, seed, previous, version, without)
    context.log.info(f"needs start {found.start_reason}; read from {evidence.goods.source}: {evidence.goods.reason}")
    yield from outputs("find_needs", vars(found))
    with study.staging() as staging:
        if previous is not None and not again:
            save_need_model(previous, staging / start.name)
            put(staging / start.name, start)
        elif not again:
            start.unlink(missing_ok=True)
        save_need_model(found.model, staging / model.name)
        shown: dict[str, str | float] = {
            "start": found.start_reason,
            "source": evidence.goods.source,
            "source_reason": evidence.goods.reason,
            "sales_covered": evidence.goods.covered,
        }
        yield dg.Output(staging / model.name, "need_model", metadata=shown)
