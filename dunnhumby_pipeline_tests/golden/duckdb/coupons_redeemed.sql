SELECT
  *
FROM (
  SELECT
    "t4"."window",
    "t4"."household_key",
    COUNT(*) AS "n_redemptions"
  FROM (
    SELECT
      "t2"."household_key",
      "t2"."day",
      "t2"."coupon_upc",
      "t2"."campaign",
      "t3"."window",
      "t3"."first_day",
      "t3"."index_day"
    FROM "coupon_redemptions" AS "t2"
    INNER JOIN "windows" AS "t3"
      ON "t2"."day" >= "t3"."first_day" AND "t2"."day" < "t3"."index_day"
  ) AS "t4"
  GROUP BY
    1,
    2
) AS "t5"
ORDER BY
  "t5"."window" ASC,
  "t5"."household_key" ASC
