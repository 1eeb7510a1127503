"""Settings of needs: what households come for, from the commodities they buy."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from dunnhumby_pipeline.settings.section import Section


class NeedSettings(Section):
    """Needs and tags: NMF of households by commodities."""

    n_needs: int | None = Field(
        None, ge=2, le=12, description="needs that label households; without it, chosen by stability, then by the elbow"
    )
    n_tags: int | None = Field(
        None, ge=2, le=20, description="finer tags, of which a household may have several; without it, chosen likewise"
    )
    need_range: tuple[int, int] = Field((3, 5), description="fewest and most needs that are tried")
    tag_range: tuple[int, int] = Field((6, 9), description="fewest and most tags that are tried")
    need_stability_floor: float = Field(
        0.8, ge=0, le=1, description="mean ARI of a household's need over cold refits that a number of needs must reach"
    )
    tag_stability_floor: float = Field(
        0.6, ge=0, le=1, description="mean ARI of a household's first tag over cold refits that a number must reach"
    )
    n_refits: int = Field(6, ge=2, le=100, description="refits to resampled households behind each stability")
    # 1 is TF-IDF. Measured on the sample at four needs: ARI .83 with 1, .90 with 1.5, .91 with 2; at eight tags .65,
    # .81 and .60.
    rarity: float = Field(
        1.5, ge=0, le=3, description="power of the inverse document frequency that tames what everybody buys; 0: none"
    )
    min_reach: float = Field(
        0.01, ge=0, lt=1, description="share of households that must have bought a commodity for it to be factored"
    )
    min_sales_share: float = Field(
        0.0005, ge=0, lt=1, description="share of sales under which a commodity is not among those of a need"
    )
    n_own: int = Field(
        12, ge=3, le=50, description="commodities that lift most, by which a need is named and validated"
    )
    min_match: float = Field(
        0.25,
        gt=0,
        le=1,
        description="share of the lift of its own commodities by which a need takes a name of the file",
    )
    tag_from: float = Field(
        1.5, gt=0, description="score from which a household has a tag, as a multiple of the mean household's"
    )
    min_similarity: float = Field(
        0.7, gt=0, le=1, description="cosine with its match of the run before under which a need gets a new name"
    )
    quarter_days: int = Field(91, ge=14, description="days of a quarter in the validation of needs")
    max_households: int = Field(
        20_000, ge=100, description="most households fitted; of more, that many are drawn, and all are scored"
    )

    @field_validator("need_range", "tag_range")
    @classmethod
    def _range_is_one(cls, found: tuple[int, int], info: ValidationInfo) -> tuple[int, int]:
        if not 2 <= found[0] <= found[1] <= 20:
            raise ValueError(
                f"needs.{info.field_name} must be two numbers from 2 to 20, the smaller first, found {list(found)}"
            )
        return found
