"""What households come for: needs and tags from the commodities they buy."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.refitted import RefittedModel
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step
from dunnhumby_pipeline.orchestration.platform.versions import digest


@step(settings=("seed", "needs"), deps=["transactions", "products"], follows_need_names=True)
def find_needs(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """NMF of households by commodities: one need to label a household, and finer tags, named as in the run before."""
    from dunnhumby_pipeline.segmentation.needs.evidence import need_evidence
    from dunnhumby_pipeline.segmentation.needs.names import NeedNamesError, load_need_names
    from dunnhumby_pipeline.segmentation.needs.store import previous_needs, save_need_model
    from dunnhumby_pipeline.segmentation.needs.tables import find_needs as find

    settings, seed = study.settings, study.settings.seed_for("needs")
    kept = RefittedModel(study.table("need_model"), previous_needs, save_need_model)
    with refusing(NeedNamesError):
        names = load_need_names(study.home.need_names)
    evidence = need_evidence(study.journey_tables(), settings.needs, settings.engine, seed)
    code = context.assets_def.code_versions_by_key[asset_key("need_model")] or ""
    version = digest([evidence.fingerprint, code])
    began = kept.beginning(version)
    found = find(evidence, names, settings.needs, seed, began.previous, version, began.without)
    context.log.info(f"needs start {found.start_reason}; read from {evidence.goods.source}: {evidence.goods.reason}")
    yield from outputs("find_needs", vars(found))
    with study.staging() as staging:
        shown: dict[str, str | float] = {
            "start": found.start_reason,
            "source": evidence.goods.source,
            "source_reason": evidence.goods.reason,
            "sales_covered": evidence.goods.covered,
        }
        yield dg.Output(kept.keep(found.model, began, staging), "need_model", metadata=shown)
