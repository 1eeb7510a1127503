SELECT
  *
FROM (
  SELECT
    "t5"."window",
    "t5"."household_key",
    SUM("t5"."sales") / 100 AS "purchase_amount",
    COUNT(*) AS "purchase_count"
  FROM (
    SELECT
      "t4"."household_key",
      "t4"."basket_id",
      "t4"."day",
      "t4"."sales",
      "t2"."window",
      "t2"."first_day",
      "t2"."index_day"
    FROM (
      SELECT
        "t0"."household_key",
        "t0"."basket_id",
        MIN("t0"."day") AS "day",
        SUM(CAST(CAST(ROUND("t0"."sales_value" * 100, 0) AS BIGINT) AS DOUBLE)) AS "sales"
      FROM "transactions" AS "t0"
      GROUP BY
        1,
        2
    ) AS "t4"
    INNER JOIN "windows" AS "t2"
      ON "t4"."day" >= "t2"."first_day" AND "t4"."day" < "t2"."index_day"
  ) AS "t5"
  GROUP BY
    1,
    2
) AS "t6"
ORDER BY
  "t6"."window" ASC,
  "t6"."household_key" ASC
