SELECT
  "t36"."window",
  "t36"."household_key",
  "t36"."recency",
  "t36"."recency_weeks",
  CAST("t36"."recency" <= 28 AS INT) AS "active_last_4w",
  CAST("t36"."recency" <= 84 AS INT) AS "active_last_12w",
  "t36"."mean_gap" AS "days_between_purchases_avg",
  SQRT(
    CASE
      WHEN (
        (
          "t36"."gap_squares" / NULLIF(CAST("t36"."n_gaps" AS DOUBLE), 0)
        ) - (
          "t36"."mean_gap" * "t36"."mean_gap"
        )
      ) < 0
      THEN 0.0
      ELSE (
        "t36"."gap_squares" / NULLIF(CAST("t36"."n_gaps" AS DOUBLE), 0)
      ) - (
        "t36"."mean_gap" * "t36"."mean_gap"
      )
    END
  ) AS "days_between_purchases_std",
  "t36"."frequency",
  CAST("t36"."frequency" AS DOUBLE) / NULLIF(CAST("t36"."tenure_weeks" AS DOUBLE), 0) AS "frequency_per_week",
  (
    CAST("t36"."frequency" AS DOUBLE) / NULLIF(CAST("t36"."tenure_weeks" AS DOUBLE), 0)
  ) * 4.33 AS "frequency_per_month",
  "t36"."transaction_count",
  "t36"."weeks_with_purchase",
  CAST("t36"."weeks_with_purchase" AS DOUBLE) / NULLIF(CAST("t36"."tenure_weeks" AS DOUBLE), 0) AS "purchase_regularity",
  "t36"."monetary_sales",
  "t36"."actual" AS "monetary_actual",
  "t36"."monetary_sales" / NULLIF(CAST("t36"."frequency" AS DOUBLE), 0) AS "monetary_avg_basket_sales",
  "t36"."actual" / NULLIF(CAST("t36"."frequency" AS DOUBLE), 0) AS "monetary_avg_basket_actual",
  SQRT(
    CASE WHEN "t36"."spread" < 0 THEN 0.0 ELSE "t36"."spread" END / NULLIF(CAST("t36"."frequency" - 1 AS DOUBLE), 0)
  ) / 100.0 AS "monetary_std",
  "t36"."monetary_sales" / NULLIF(CAST("t36"."tenure_weeks" AS DOUBLE), 0) AS "monetary_per_week",
  "t36"."coupon_disc" / NULLIF("t36"."sales", 0) AS "coupon_savings_ratio",
  "t36"."discounts" / NULLIF("t36"."sales" + "t36"."discounts", 0) AS "discount_rate",
  "t36"."n_discounted" / NULLIF("t36"."n_branded", 0) AS "discount_usage_pct",
  "t36"."n_private_label" / NULLIF("t36"."n_brand_choices", 0) AS "private_label_ratio",
  "t36"."n_departments",
  "t36"."n_products",
  "t36"."n_items" / NULLIF(CAST("t36"."frequency" AS DOUBLE), 0) AS "avg_items_per_basket",
  "t36"."n_products" / NULLIF(CAST("t36"."frequency" AS DOUBLE), 0) AS "avg_products_per_basket",
  "t36"."sales_grocery" / NULLIF("t36"."sales", 0) AS "share_grocery",
  "t36"."sales_fresh" / NULLIF("t36"."sales", 0) AS "share_fresh",
  "t36"."sales_bakery" / NULLIF("t36"."sales", 0) AS "share_bakery",
  "t36"."sales_health_beauty" / NULLIF("t36"."sales", 0) AS "share_health_beauty",
  "t36"."sales_alcohol" / NULLIF("t36"."sales", 0) AS "share_alcohol",
  "t36"."sales_other" / NULLIF("t36"."sales", 0) AS "share_other",
  CAST("t36"."weeks_with_purchase" AS DOUBLE) / NULLIF(CAST("t36"."purchase_weeks" AS DOUBLE), 0) AS "week_coverage",
  "t36"."tenure",
  "t36"."tenure_weeks"
FROM (
  SELECT
    "t35"."window",
    "t35"."household_key",
    "t35"."frequency",
    "t35"."transaction_count",
    "t35"."sales",
    "t35"."sales_squared",
    "t35"."retail_disc",
    "t35"."coupon_disc",
    "t35"."first_seen",
    "t35"."first_purchase",
    "t35"."last_purchase",
    "t35"."n_gaps",
    "t35"."gap_squares",
    "t35"."weeks_with_purchase",
    "t35"."n_departments",
    "t35"."n_items",
    "t35"."n_discounted",
    "t35"."n_branded",
    "t35"."n_private_label",
    "t35"."n_brand_choices",
    "t35"."sales_grocery",
    "t35"."sales_fresh",
    "t35"."sales_bakery",
    "t35"."sales_health_beauty",
    "t35"."sales_alcohol",
    "t35"."sales_other",
    "t35"."n_products",
    "t35"."first_day",
    "t35"."index_day",
    (
      "t35"."index_day" - 1
    ) - "t35"."last_purchase" AS "recency",
    CAST(CAST(FLOOR((
      CAST("t35"."index_day" - 1 AS DOUBLE) + 8
    ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
      CAST("t35"."last_purchase" AS DOUBLE) + 8
    ) / 7) AS BIGINT) AS INT) AS "recency_weeks",
    (
      "t35"."index_day" - 1
    ) - GREATEST("t35"."first_seen", "t35"."first_day") AS "tenure",
    (
      CAST(CAST(FLOOR((
        CAST("t35"."index_day" - 1 AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
        CAST(GREATEST("t35"."first_seen", "t35"."first_day") AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT)
    ) + 1 AS "tenure_weeks",
    (
      CAST(CAST(FLOOR((
        CAST("t35"."last_purchase" AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
        CAST("t35"."first_purchase" AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT)
    ) + 1 AS "purchase_weeks",
    CAST("t35"."last_purchase" - "t35"."first_purchase" AS DOUBLE) / NULLIF(CAST("t35"."n_gaps" AS DOUBLE), 0) AS "mean_gap",
    "t35"."sales_squared" - (
      (
        "t35"."sales" * "t35"."sales"
      ) / NULLIF(CAST("t35"."frequency" AS DOUBLE), 0)
    ) AS "spread",
    "t35"."retail_disc" + "t35"."coupon_disc" AS "discounts",
    (
      "t35"."sales" - "t35"."coupon_disc"
    ) / 100.0 AS "actual",
    "t35"."sales" / 100.0 AS "monetary_sales"
  FROM (
    SELECT
      "t32"."window",
      "t32"."household_key",
      "t32"."frequency",
      "t32"."transaction_count",
      "t32"."sales",
      "t32"."sales_squared",
      "t32"."retail_disc",
      "t32"."coupon_disc",
      "t32"."first_seen",
      "t32"."first_purchase",
      "t32"."last_purchase",
      "t32"."n_gaps",
      "t32"."gap_squares",
      "t32"."weeks_with_purchase",
      "t34"."n_departments",
      "t34"."n_items",
      "t34"."n_discounted",
      "t34"."n_branded",
      "t34"."n_private_label",
      "t34"."n_brand_choices",
      "t34"."sales_grocery",
      "t34"."sales_fresh",
      "t34"."sales_bakery",
      "t34"."sales_health_beauty",
      "t34"."sales_alcohol",
      "t34"."sales_other",
      "t34"."n_products",
      "t3"."first_day",
      "t3"."index_day"
    FROM (
      SELECT
        "t28"."window",
        "t28"."household_key",
        CAST(SUM("t28"."n_baskets") AS BIGINT) AS "frequency",
        SUM("t28"."n_lines") AS "transaction_count",
        SUM("t28"."sales") AS "sales",
        SUM("t28"."sales_squared") AS "sales_squared",
        SUM("t28"."retail_disc") AS "retail_disc",
        SUM("t28"."coupon_disc") AS "coupon_disc",
        MIN("t28"."first_seen") AS "first_seen",
        MIN("t28"."day") AS "first_purchase",
        MAX("t28"."day") AS "last_purchase",
        COUNT(
          CASE
            WHEN "t28"."previous" >= "t28"."first_day"
            THEN CAST("t28"."day" - "t28"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END
        ) AS "n_gaps",
        SUM(
          CASE
            WHEN "t28"."previous" >= "t28"."first_day"
            THEN CAST("t28"."day" - "t28"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END * CASE
            WHEN "t28"."previous" >= "t28"."first_day"
            THEN CAST("t28"."day" - "t28"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END
        ) AS "gap_squares",
        CAST(SUM(
          CAST("t28"."new_week" OR NOT (
            "t28"."previous" >= "t28"."first_day"
          ) AS DOUBLE)
        ) AS BIGINT) AS "weeks_with_purchase"
      FROM (
        SELECT
          "t26"."household_key",
          "t26"."day",
          "t26"."n_baskets",
          "t26"."n_lines",
          "t26"."sales",
          "t26"."sales_squared",
          "t26"."retail_disc",
          "t26"."coupon_disc",
          "t26"."coupon_match_disc",
          "t26"."n_morning",
          "t26"."n_evening",
          "t26"."n_with_coupon",
          "t26"."previous",
          "t26"."first_seen",
          "t26"."new_week",
          "t12"."window",
          "t12"."first_day",
          "t12"."index_day"
        FROM (
          SELECT
            "t19"."household_key",
            "t19"."day",
            "t19"."n_baskets",
            "t19"."n_lines",
            "t19"."sales",
            "t19"."sales_squared",
            "t19"."retail_disc",
            "t19"."coupon_disc",
            "t19"."coupon_match_disc",
            "t19"."n_morning",
            "t19"."n_evening",
            "t19"."n_with_coupon",
            "t19"."previous",
            "t19"."first_seen",
            COALESCE(
              CAST(CAST(FLOOR((
                CAST("t19"."day" AS DOUBLE) + 8
              ) / 7) AS BIGINT) AS INT) <> CAST(CAST(FLOOR((
                CAST("t19"."previous" AS DOUBLE) + 8
              ) / 7) AS BIGINT) AS INT),
              TRUE
            ) AS "new_week"
          FROM (
            SELECT
              "t16"."household_key",
              "t16"."day",
              "t16"."n_baskets",
              "t16"."n_lines",
              "t16"."sales",
              "t16"."sales_squared",
              "t16"."retail_disc",
              "t16"."coupon_disc",
              "t16"."coupon_match_disc",
              "t16"."n_morning",
              "t16"."n_evening",
              "t16"."n_with_coupon",
              LAG("t16"."day") OVER (
                PARTITION BY "t16"."household_key"
                ORDER BY "t16"."day" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) AS "previous",
              MIN("t16"."day") OVER (
                PARTITION BY "t16"."household_key"
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) AS "first_seen"
            FROM (
              SELECT
                "t10"."household_key",
                "t10"."day",
                CAST(COUNT(*) AS DOUBLE) AS "n_baskets",
                SUM(CAST("t10"."n_lines" AS DOUBLE)) AS "n_lines",
                SUM("t10"."sales") AS "sales",
                SUM("t10"."sales" * "t10"."sales") AS "sales_squared",
                SUM("t10"."retail_disc") AS "retail_disc",
                SUM("t10"."coupon_disc") AS "coupon_disc",
                SUM("t10"."coupon_match_disc") AS "coupon_match_disc",
                SUM(CAST("t10"."time" < 1200 AS DOUBLE)) AS "n_morning",
                SUM(CAST("t10"."time" >= 1700 AS DOUBLE)) AS "n_evening",
                SUM(
                  CAST((
                    "t10"."coupon_disc" > 0
                  ) OR (
                    "t10"."coupon_match_disc" > 0
                  ) AS DOUBLE)
                ) AS "n_with_coupon"
              FROM (
                SELECT
                  "t1"."household_key",
                  "t1"."basket_id",
                  MIN("t1"."day") AS "day",
                  MIN("t1"."trans_time") AS "time",
                  COUNT(*) AS "n_lines",
                  SUM(CAST(CAST(ROUND("t1"."sales_value" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "sales",
                  SUM(CAST(CAST(ROUND("t1"."retail_disc" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "retail_disc",
                  SUM(CAST(CAST(ROUND("t1"."coupon_disc" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "coupon_disc",
                  SUM(CAST(CAST(ROUND("t1"."coupon_match_disc" * 100.0, 0) AS BIGINT) AS DOUBLE)) AS "coupon_match_disc"
                FROM "transactions" AS "t1"
                GROUP BY
                  1,
                  2
              ) AS "t10"
              GROUP BY
                1,
                2
            ) AS "t16"
          ) AS "t19"
        ) AS "t26"
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
          ) AS "t6"
        ) AS "t12"
          ON "t26"."day" = "t12"."day"
      ) AS "t28"
      GROUP BY
        1,
        2
    ) AS "t32"
    INNER JOIN (
      SELECT
        "t30"."window",
        "t30"."household_key",
        "t30"."n_departments",
        "t30"."n_items",
        "t30"."n_discounted",
        "t30"."n_branded",
        "t30"."n_private_label",
        "t30"."n_brand_choices",
        "t30"."sales_grocery",
        "t30"."sales_fresh",
        "t30"."sales_bakery",
        "t30"."sales_health_beauty",
        "t30"."sales_alcohol",
        "t30"."sales_other",
        "t20"."n_products"
      FROM (
        SELECT
          "t27"."window",
          "t27"."household_key",
          CAST(SUM(CAST((
            "t27"."department" IS NOT NULL
          ) AND NOT (
            "t27"."fuel"
          ) AS DOUBLE)) AS BIGINT) AS "n_departments",
          SUM(CASE WHEN "t27"."fuel" THEN 0.0 ELSE "t27"."quantity" END) AS "n_items",
          SUM("t27"."n_discounted") AS "n_discounted",
          SUM("t27"."n_branded") AS "n_branded",
          SUM(CASE WHEN "t27"."fuel" THEN 0.0 ELSE "t27"."n_private" END) AS "n_private_label",
          SUM(CASE WHEN "t27"."fuel" THEN 0.0 ELSE "t27"."n_branded" END) AS "n_brand_choices",
          SUM(CASE WHEN "t27"."macro" = 'grocery' THEN "t27"."sales" ELSE 0.0 END) AS "sales_grocery",
          SUM(CASE WHEN "t27"."macro" = 'fresh' THEN "t27"."sales" ELSE 0.0 END) AS "sales_fresh",
          SUM(CASE WHEN "t27"."macro" = 'bakery' THEN "t27"."sales" ELSE 0.0 END) AS "sales_bakery",
          SUM(CASE WHEN "t27"."macro" = 'health_beauty' THEN "t27"."sales" ELSE 0.0 END) AS "sales_health_beauty",
          SUM(CASE WHEN "t27"."macro" = 'alcohol' THEN "t27"."sales" ELSE 0.0 END) AS "sales_alcohol",
          SUM(CASE WHEN "t27"."macro" = 'other' THEN "t27"."sales" ELSE 0.0 END) AS "sales_other"
        FROM (
          SELECT
            "t25"."window",
            "t25"."household_key",
            "t25"."department",
            "t25"."fuel",
            "t25"."n_branded",
            "t25"."n_private",
            "t25"."n_discounted",
            "t25"."quantity",
            "t25"."sales",
            CASE
              WHEN "t25"."department" IN ('GROCERY', 'FROZEN GROCERY', 'GRO BAKERY')
              THEN 'grocery'
              WHEN "t25"."department" IN (
                'PRODUCE',
                'MEAT',
                'MEAT-PCKGD',
                'MEAT-WHSE',
                'PORK',
                'SEAFOOD',
                'SEAFOOD-PCKGD',
                'DELI',
                'DELI/SNACK BAR',
                'DAIRY DELI',
                'CHEF SHOPPE',
                'SALAD BAR'
              )
              THEN 'fresh'
              WHEN "t25"."department" IN ('PASTRY')
              THEN 'bakery'
              WHEN "t25"."department" IN ('DRUG GM', 'NUTRITION', 'COSMETICS', 'RX', 'PHARMACY SUPPLY', 'HBC')
              THEN 'health_beauty'
              WHEN "t25"."department" IN ('SPIRITS')
              THEN 'alcohol'
              ELSE 'other'
            END AS "macro"
          FROM (
            SELECT
              "t23"."window",
              "t23"."household_key",
              "t23"."department",
              "t23"."fuel",
              SUM("t23"."n_branded") AS "n_branded",
              SUM("t23"."n_private") AS "n_private",
              SUM("t23"."n_discounted") AS "n_discounted",
              SUM("t23"."quantity") AS "quantity",
              SUM("t23"."sales") AS "sales"
            FROM (
              SELECT
                "t22"."household_key",
                "t22"."day",
                "t22"."department",
                "t22"."fuel",
                "t22"."n_branded",
                "t22"."n_private",
                "t22"."n_discounted",
                "t22"."quantity",
                "t22"."sales",
                "t12"."window",
                "t12"."first_day",
                "t12"."index_day"
              FROM (
                SELECT
                  "t15"."household_key",
                  "t15"."day",
                  "t15"."department",
                  COALESCE("t15"."fuel", FALSE) AS "fuel",
                  SUM(CAST("t15"."brand" IS NOT NULL AS DOUBLE)) AS "n_branded",
                  SUM(CAST(COALESCE("t15"."brand" = 'Private', FALSE) AS DOUBLE)) AS "n_private",
                  SUM("t15"."discounted") AS "n_discounted",
                  SUM(CAST("t15"."quantity" AS DOUBLE)) AS "quantity",
                  SUM("t15"."sales") AS "sales"
                FROM (
                  SELECT
                    "t9"."household_key",
                    "t9"."product_id",
                    "t9"."day",
                    "t9"."quantity",
                    "t9"."sales",
                    "t9"."discounted",
                    "t13"."product_id" AS "product_id_right",
                    "t13"."department",
                    "t13"."brand",
                    "t13"."fuel"
                  FROM (
                    SELECT
                      "t1"."household_key",
                      "t1"."product_id",
                      "t1"."day",
                      "t1"."quantity",
                      CAST(CAST(ROUND("t1"."sales_value" * 100.0, 0) AS BIGINT) AS DOUBLE) AS "sales",
                      CAST("t1"."retail_disc" > 0 AS DOUBLE) AS "discounted"
                    FROM "transactions" AS "t1"
                  ) AS "t9"
                  LEFT OUTER JOIN (
                    SELECT
                      "t2"."product_id",
                      "t2"."department",
                      "t2"."brand",
                      COALESCE(
                        "t2"."department" IN ('KIOSK-GAS', 'FUEL')
                        OR (
                          "t2"."department" IN ('MISC SALES TRAN', 'MISC. TRANS.', 'MISCELLANEOUS')
                          AND STARTS_WITH("t2"."sub_commodity_desc", 'GASOLINE')
                        ),
                        FALSE
                      ) AS "fuel"
                    FROM "products" AS "t2"
                  ) AS "t13"
                    ON "t9"."product_id" = "t13"."product_id"
                ) AS "t15"
                GROUP BY
                  1,
                  2,
                  3,
                  4
              ) AS "t22"
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
                ) AS "t6"
              ) AS "t12"
                ON "t22"."day" = "t12"."day"
            ) AS "t23"
            GROUP BY
              1,
              2,
              3,
              4
          ) AS "t25"
        ) AS "t27"
        GROUP BY
          1,
          2
      ) AS "t30"
      INNER JOIN (
        SELECT
          "t17"."window",
          "t17"."household_key",
          CAST(COUNT(*) AS DOUBLE) AS "n_products"
        FROM (
          SELECT DISTINCT
            *
          FROM (
            SELECT
              "t12"."window",
              "t5"."household_key",
              "t5"."product_id"
            FROM (
              SELECT
                "t1"."household_key",
                "t1"."product_id",
                "t1"."day"
              FROM "transactions" AS "t1"
            ) AS "t5"
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
              ) AS "t6"
            ) AS "t12"
              ON "t5"."day" = "t12"."day"
          ) AS "t14"
        ) AS "t17"
        GROUP BY
          1,
          2
      ) AS "t20"
        ON "t30"."window" = "t20"."window" AND "t30"."household_key" = "t20"."household_key"
    ) AS "t34"
      ON "t32"."window" = "t34"."window" AND "t32"."household_key" = "t34"."household_key"
    INNER JOIN "windows" AS "t3"
      ON "t32"."window" = "t3"."window"
  ) AS "t35"
) AS "t36"
ORDER BY
  "t36"."window" ASC,
  "t36"."household_key" ASC
