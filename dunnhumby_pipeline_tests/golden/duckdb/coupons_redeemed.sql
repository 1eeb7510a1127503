SELECT
  *
FROM (
  SELECT
    "t7"."window",
    "t7"."household_key",
    COUNT(*) AS "n_redemptions",
    SUM(CAST(COALESCE("t7"."description" = 'TypeA', FALSE) AS DOUBLE)) AS "redeemed_typea",
    SUM(CAST(COALESCE("t7"."description" = 'TypeB', FALSE) AS DOUBLE)) AS "redeemed_typeb",
    SUM(CAST(COALESCE("t7"."description" = 'TypeC', FALSE) AS DOUBLE)) AS "redeemed_typec"
  FROM (
    SELECT
      "t3"."household_key",
      "t3"."day",
      "t3"."coupon_upc",
      "t3"."campaign",
      "t4"."window",
      "t4"."first_day",
      "t4"."index_day",
      "t6"."campaign" AS "campaign_right",
      "t6"."description"
    FROM "coupon_redemptions" AS "t3"
    INNER JOIN "windows" AS "t4"
      ON "t3"."day" >= "t4"."first_day" AND "t3"."day" < "t4"."index_day"
    LEFT OUTER JOIN (
      SELECT
        "t2"."campaign",
        "t2"."description"
      FROM "campaigns" AS "t2"
    ) AS "t6"
      ON "t3"."campaign" = "t6"."campaign"
  ) AS "t7"
  GROUP BY
    1,
    2
) AS "t8"
ORDER BY
  "t8"."window" ASC,
  "t8"."household_key" ASC
