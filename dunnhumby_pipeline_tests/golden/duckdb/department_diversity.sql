WITH "t10" AS (
  SELECT
    "t9"."household_key",
    "t9"."basket_id",
    "t9"."day",
    "t9"."department",
    SUM(CAST(CAST(ROUND("t9"."sales_value" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "sales"
  FROM (
    SELECT
      "t3"."household_key",
      "t3"."basket_id",
      "t3"."day",
      "t3"."week_no",
      "t3"."product_id",
      "t3"."quantity",
      "t3"."sales_value",
      "t3"."store_id",
      "t3"."retail_disc",
      "t3"."trans_time",
      "t3"."coupon_disc",
      "t3"."coupon_match_disc",
      "t8"."department"
    FROM "transactions" AS "t3"
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
    ) AS "t8"
      ON "t3"."product_id" = "t8"."product_id"
  ) AS "t9"
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
    "t20"."window",
    "t20"."household_key",
    (
      "t20"."sales" * "t20"."sales"
    ) / NULLIF("t20"."squares", 0) AS "effective_departments",
    "t21"."departments_per_basket"
  FROM (
    SELECT
      "t17"."window",
      "t17"."household_key",
      SUM("t17"."sales") AS "sales",
      SUM("t17"."sales" * "t17"."sales") AS "squares"
    FROM (
      SELECT
        "t15"."window",
        "t15"."household_key",
        "t15"."department",
        SUM("t15"."sales") AS "sales"
      FROM (
        SELECT
          "t12"."household_key",
          "t12"."basket_id",
          "t12"."day",
          "t12"."department",
          "t12"."sales",
          "t6"."window",
          "t6"."first_day",
          "t6"."index_day"
        FROM "t10" AS "t12"
        INNER JOIN (
          SELECT
            *
          FROM (
            SELECT
              "t0"."window",
              "t0"."first_day",
              "t0"."index_day",
              UNNEST(RANGE("t0"."first_day", "t0"."index_day", 1)) AS "day"
            FROM "windows" AS "t0"
          ) AS "t4"
        ) AS "t6"
          ON "t12"."day" = "t6"."day"
      ) AS "t15"
      GROUP BY
        1,
        2,
        3
    ) AS "t17"
    GROUP BY
      1,
      2
  ) AS "t20"
  INNER JOIN (
    SELECT
      "t16"."window",
      "t16"."household_key",
      SUM(CAST("t16"."n_departments" AS DOUBLE)) / NULLIF(CAST(COUNT(*) AS DOUBLE), 0) AS "departments_per_basket"
    FROM (
      SELECT
        "t14"."household_key",
        "t14"."basket_id",
        "t14"."day",
        "t14"."n_departments",
        "t6"."window",
        "t6"."first_day",
        "t6"."index_day"
      FROM (
        SELECT
          "t11"."household_key",
          "t11"."basket_id",
          "t11"."day",
          COUNT(*) AS "n_departments"
        FROM "t10" AS "t11"
        GROUP BY
          1,
          2,
          3
      ) AS "t14"
      INNER JOIN (
        SELECT
          *
        FROM (
          SELECT
            "t0"."window",
            "t0"."first_day",
            "t0"."index_day",
            UNNEST(RANGE("t0"."first_day", "t0"."index_day", 1)) AS "day"
          FROM "windows" AS "t0"
        ) AS "t4"
      ) AS "t6"
        ON "t14"."day" = "t6"."day"
    ) AS "t16"
    GROUP BY
      1,
      2
  ) AS "t21"
    ON "t20"."window" = "t21"."window" AND "t20"."household_key" = "t21"."household_key"
) AS "t22"
ORDER BY
  "t22"."window" ASC,
  "t22"."household_key" ASC
