WITH "t8" AS (
  SELECT
    "t7"."household_key",
    "t7"."basket_id",
    "t7"."day",
    "t7"."department",
    SUM(CAST(CAST(ROUND("t7"."sales_value" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "sales"
  FROM (
    SELECT
      "t4"."household_key",
      "t4"."basket_id",
      "t4"."day",
      "t4"."week_no",
      "t4"."product_id",
      "t4"."quantity",
      "t4"."sales_value",
      "t4"."store_id",
      "t4"."retail_disc",
      "t4"."trans_time",
      "t4"."coupon_disc",
      "t4"."coupon_match_disc",
      "t6"."department"
    FROM "transactions" AS "t4"
    INNER JOIN (
      SELECT
        "t2"."product_id",
        "t2"."department"
      FROM "products" AS "t2"
      WHERE
        "t2"."department" IS NOT NULL
        AND NOT (
          COALESCE(
            "t2"."department" IN ('KIOSK-GAS', 'FUEL')
            OR (
              "t2"."department" IN ('MISC SALES TRAN', 'MISC. TRANS.', 'MISCELLANEOUS')
              AND STARTS_WITH("t2"."sub_commodity_desc", 'GASOLINE')
            ),
            FALSE
          )
        )
    ) AS "t6"
      ON "t4"."product_id" = "t6"."product_id"
  ) AS "t7"
  GROUP BY
    1,
    2,
    3,
    4
)
SELECT
  *
FROM (
  SELECT
    "t18"."window",
    "t18"."household_key",
    (
      "t18"."sales" * "t18"."sales"
    ) / NULLIF("t18"."squares", 0) AS "effective_departments",
    "t19"."departments_per_basket"
  FROM (
    SELECT
      "t15"."window",
      "t15"."household_key",
      SUM("t15"."sales") AS "sales",
      SUM("t15"."sales" * "t15"."sales") AS "squares"
    FROM (
      SELECT
        "t13"."window",
        "t13"."household_key",
        "t13"."department",
        SUM("t13"."sales") AS "sales"
      FROM (
        SELECT
          "t10"."household_key",
          "t10"."basket_id",
          "t10"."day",
          "t10"."department",
          "t10"."sales",
          "t3"."window",
          "t3"."first_day",
          "t3"."index_day"
        FROM "t8" AS "t10"
        INNER JOIN "windows" AS "t3"
          ON "t10"."day" >= "t3"."first_day" AND "t10"."day" < "t3"."index_day"
      ) AS "t13"
      GROUP BY
        1,
        2,
        3
    ) AS "t15"
    GROUP BY
      1,
      2
  ) AS "t18"
  INNER JOIN (
    SELECT
      "t14"."window",
      "t14"."household_key",
      SUM(CAST("t14"."n_departments" AS DOUBLE)) / NULLIF(CAST(COUNT(*) AS DOUBLE), 0) AS "departments_per_basket"
    FROM (
      SELECT
        "t12"."household_key",
        "t12"."basket_id",
        "t12"."day",
        "t12"."n_departments",
        "t3"."window",
        "t3"."first_day",
        "t3"."index_day"
      FROM (
        SELECT
          "t9"."household_key",
          "t9"."basket_id",
          "t9"."day",
          COUNT(*) AS "n_departments"
        FROM "t8" AS "t9"
        GROUP BY
          1,
          2,
          3
      ) AS "t12"
      INNER JOIN "windows" AS "t3"
        ON "t12"."day" >= "t3"."first_day" AND "t12"."day" < "t3"."index_day"
    ) AS "t14"
    GROUP BY
      1,
      2
  ) AS "t19"
    ON "t18"."window" = "t19"."window" AND "t18"."household_key" = "t19"."household_key"
) AS "t20"
ORDER BY
  "t20"."window" ASC,
  "t20"."household_key" ASC
