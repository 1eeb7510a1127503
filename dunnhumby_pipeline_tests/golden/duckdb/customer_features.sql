SELECT
  "t26"."window",
  "t26"."household_key",
  "t26"."recency",
  "t26"."recency_weeks",
  CAST("t26"."recency" <= 28 AS INT) AS "active_last_4w",
  CAST("t26"."recency" <= 84 AS INT) AS "active_last_12w",
  "t26"."mean_gap" AS "days_between_purchases_avg",
  SQRT(
    CASE
      WHEN (
        (
          "t26"."gap_squares" / NULLIF(CAST("t26"."n_gaps" AS DOUBLE), 0)
        ) - (
          "t26"."mean_gap" * "t26"."mean_gap"
        )
      ) < 0
      THEN 0.0
      ELSE (
        "t26"."gap_squares" / NULLIF(CAST("t26"."n_gaps" AS DOUBLE), 0)
      ) - (
        "t26"."mean_gap" * "t26"."mean_gap"
      )
    END
  ) AS "days_between_purchases_std",
  "t26"."frequency",
  CAST("t26"."frequency" AS DOUBLE) / NULLIF(CAST("t26"."tenure_weeks" AS DOUBLE), 0) AS "frequency_per_week",
  (
    CAST("t26"."frequency" AS DOUBLE) / NULLIF(CAST("t26"."tenure_weeks" AS DOUBLE), 0)
  ) * 4.33 AS "frequency_per_month",
  "t26"."transaction_count",
  "t26"."weeks_with_purchase",
  CAST("t26"."weeks_with_purchase" AS DOUBLE) / NULLIF(CAST("t26"."tenure_weeks" AS DOUBLE), 0) AS "purchase_regularity",
  "t26"."monetary_sales",
  "t26"."actual" AS "monetary_actual",
  "t26"."monetary_sales" / NULLIF(CAST("t26"."frequency" AS DOUBLE), 0) AS "monetary_avg_basket_sales",
  "t26"."actual" / NULLIF(CAST("t26"."frequency" AS DOUBLE), 0) AS "monetary_avg_basket_actual",
  SQRT(
    CASE WHEN "t26"."spread" < 0 THEN 0.0 ELSE "t26"."spread" END / NULLIF(CAST("t26"."frequency" - 1 AS DOUBLE), 0)
  ) / 100.0 AS "monetary_std",
  "t26"."monetary_sales" / NULLIF(CAST("t26"."tenure_weeks" AS DOUBLE), 0) AS "monetary_per_week",
  "t26"."coupon_disc" / NULLIF("t26"."sales", 0) AS "coupon_savings_ratio",
  "t26"."discounts" / NULLIF("t26"."sales" + "t26"."discounts", 0) AS "discount_rate",
  "t26"."n_discounted" / NULLIF("t26"."n_branded", 0) AS "discount_usage_pct",
  "t26"."n_private_label" / NULLIF("t26"."n_brand_choices", 0) AS "private_label_ratio",
  "t26"."n_departments",
  "t26"."n_products",
  "t26"."n_items" / NULLIF(CAST("t26"."frequency" AS DOUBLE), 0) AS "avg_items_per_basket",
  "t26"."n_products" / NULLIF(CAST("t26"."frequency" AS DOUBLE), 0) AS "avg_products_per_basket",
  "t26"."sales_grocery" / NULLIF("t26"."sales", 0) AS "share_grocery",
  "t26"."sales_fresh" / NULLIF("t26"."sales", 0) AS "share_fresh",
  "t26"."sales_bakery" / NULLIF("t26"."sales", 0) AS "share_bakery",
  "t26"."sales_health_beauty" / NULLIF("t26"."sales", 0) AS "share_health_beauty",
  "t26"."sales_alcohol" / NULLIF("t26"."sales", 0) AS "share_alcohol",
  "t26"."sales_other" / NULLIF("t26"."sales", 0) AS "share_other",
  CAST("t26"."weeks_with_purchase" AS DOUBLE) / NULLIF(CAST("t26"."purchase_weeks" AS DOUBLE), 0) AS "week_coverage",
  "t26"."tenure",
  "t26"."tenure_weeks"
FROM (
  SELECT
    "t25"."window",
    "t25"."household_key",
    "t25"."frequency",
    "t25"."transaction_count",
    "t25"."sales",
    "t25"."sales_squared",
    "t25"."retail_disc",
    "t25"."coupon_disc",
    "t25"."first_seen",
    "t25"."first_purchase",
    "t25"."last_purchase",
    "t25"."n_gaps",
    "t25"."gap_squares",
    "t25"."weeks_with_purchase",
    "t25"."n_products",
    "t25"."n_departments",
    "t25"."n_items",
    "t25"."n_discounted",
    "t25"."n_branded",
    "t25"."n_private_label",
    "t25"."n_brand_choices",
    "t25"."sales_grocery",
    "t25"."sales_fresh",
    "t25"."sales_bakery",
    "t25"."sales_health_beauty",
    "t25"."sales_alcohol",
    "t25"."sales_other",
    "t25"."first_day",
    "t25"."index_day",
    (
      "t25"."index_day" - 1
    ) - "t25"."last_purchase" AS "recency",
    CAST(CAST(FLOOR((
      CAST("t25"."index_day" - 1 AS DOUBLE) + 8
    ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
      CAST("t25"."last_purchase" AS DOUBLE) + 8
    ) / 7) AS BIGINT) AS INT) AS "recency_weeks",
    (
      "t25"."index_day" - 1
    ) - GREATEST("t25"."first_seen", "t25"."first_day") AS "tenure",
    (
      CAST(CAST(FLOOR((
        CAST("t25"."index_day" - 1 AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
        CAST(GREATEST("t25"."first_seen", "t25"."first_day") AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT)
    ) + 1 AS "tenure_weeks",
    (
      CAST(CAST(FLOOR((
        CAST("t25"."last_purchase" AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT) - CAST(CAST(FLOOR((
        CAST("t25"."first_purchase" AS DOUBLE) + 8
      ) / 7) AS BIGINT) AS INT)
    ) + 1 AS "purchase_weeks",
    CAST("t25"."last_purchase" - "t25"."first_purchase" AS DOUBLE) / NULLIF(CAST("t25"."n_gaps" AS DOUBLE), 0) AS "mean_gap",
    "t25"."sales_squared" - (
      (
        "t25"."sales" * "t25"."sales"
      ) / NULLIF(CAST("t25"."frequency" AS DOUBLE), 0)
    ) AS "spread",
    "t25"."retail_disc" + "t25"."coupon_disc" AS "discounts",
    (
      "t25"."sales" - "t25"."coupon_disc"
    ) / 100.0 AS "actual",
    "t25"."sales" / 100.0 AS "monetary_sales"
  FROM (
    SELECT
      "t24"."window",
      "t24"."household_key",
      "t24"."frequency",
      "t24"."transaction_count",
      "t24"."sales",
      "t24"."sales_squared",
      "t24"."retail_disc",
      "t24"."coupon_disc",
      "t24"."first_seen",
      "t24"."first_purchase",
      "t24"."last_purchase",
      "t24"."n_gaps",
      "t24"."gap_squares",
      "t24"."weeks_with_purchase",
      "t22"."n_products",
      "t22"."n_departments",
      "t22"."n_items",
      "t22"."n_discounted",
      "t22"."n_branded",
      "t22"."n_private_label",
      "t22"."n_brand_choices",
      "t22"."sales_grocery",
      "t22"."sales_fresh",
      "t22"."sales_bakery",
      "t22"."sales_health_beauty",
      "t22"."sales_alcohol",
      "t22"."sales_other",
      "t3"."first_day",
      "t3"."index_day"
    FROM (
      SELECT
        "t20"."window",
        "t20"."household_key",
        CAST(SUM("t20"."n_baskets") AS BIGINT) AS "frequency",
        SUM("t20"."n_lines") AS "transaction_count",
        SUM("t20"."sales") AS "sales",
        SUM("t20"."sales_squared") AS "sales_squared",
        SUM("t20"."retail_disc") AS "retail_disc",
        SUM("t20"."coupon_disc") AS "coupon_disc",
        MIN("t20"."first_seen") AS "first_seen",
        MIN("t20"."day") AS "first_purchase",
        MAX("t20"."day") AS "last_purchase",
        COUNT(
          CASE
            WHEN "t20"."previous" >= "t20"."first_day"
            THEN CAST("t20"."day" - "t20"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END
        ) AS "n_gaps",
        SUM(
          CASE
            WHEN "t20"."previous" >= "t20"."first_day"
            THEN CAST("t20"."day" - "t20"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END * CASE
            WHEN "t20"."previous" >= "t20"."first_day"
            THEN CAST("t20"."day" - "t20"."previous" AS DOUBLE)
            ELSE CAST(NULL AS DOUBLE)
          END
        ) AS "gap_squares",
        CAST(SUM(
          CAST("t20"."new_week" OR NOT (
            "t20"."previous" >= "t20"."first_day"
          ) AS DOUBLE)
        ) AS BIGINT) AS "weeks_with_purchase"
      FROM (
        SELECT
          "t18"."household_key",
          "t18"."day",
          "t18"."n_baskets",
          "t18"."n_lines",
          "t18"."sales",
          "t18"."sales_squared",
          "t18"."retail_disc",
          "t18"."coupon_disc",
          "t18"."coupon_match_disc",
          "t18"."n_morning",
          "t18"."n_evening",
          "t18"."n_with_coupon",
          "t18"."previous",
          "t18"."first_seen",
          "t18"."new_week",
          "t4"."window",
          "t4"."first_day",
          "t4"."index_day"
        FROM (
          SELECT
            "t14"."household_key",
            "t14"."day",
            "t14"."n_baskets",
            "t14"."n_lines",
            "t14"."sales",
            "t14"."sales_squared",
            "t14"."retail_disc",
            "t14"."coupon_disc",
            "t14"."coupon_match_disc",
            "t14"."n_morning",
            "t14"."n_evening",
            "t14"."n_with_coupon",
            "t14"."previous",
            "t14"."first_seen",
            COALESCE(
              CAST(CAST(FLOOR((
                CAST("t14"."day" AS DOUBLE) + 8
              ) / 7) AS BIGINT) AS INT) <> CAST(CAST(FLOOR((
                CAST("t14"."previous" AS DOUBLE) + 8
              ) / 7) AS BIGINT) AS INT),
              TRUE
            ) AS "new_week"
          FROM (
            SELECT
              "t11"."household_key",
              "t11"."day",
              "t11"."n_baskets",
              "t11"."n_lines",
              "t11"."sales",
              "t11"."sales_squared",
              "t11"."retail_disc",
              "t11"."coupon_disc",
              "t11"."coupon_match_disc",
              "t11"."n_morning",
              "t11"."n_evening",
              "t11"."n_with_coupon",
              LAG("t11"."day") OVER (
                PARTITION BY "t11"."household_key"
                ORDER BY "t11"."day" ASC
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) AS "previous",
              MIN("t11"."day") OVER (
                PARTITION BY "t11"."household_key"
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) AS "first_seen"
            FROM (
              SELECT
                "t7"."household_key",
                "t7"."day",
                CAST(COUNT(*) AS DOUBLE) AS "n_baskets",
                SUM(CAST("t7"."n_lines" AS DOUBLE)) AS "n_lines",
                SUM("t7"."sales") AS "sales",
                SUM("t7"."sales" * "t7"."sales") AS "sales_squared",
                SUM("t7"."retail_disc") AS "retail_disc",
                SUM("t7"."coupon_disc") AS "coupon_disc",
                SUM("t7"."coupon_match_disc") AS "coupon_match_disc",
                SUM(CAST("t7"."time" < 1200 AS DOUBLE)) AS "n_morning",
                SUM(CAST("t7"."time" >= 1700 AS DOUBLE)) AS "n_evening",
                SUM(
                  CAST((
                    "t7"."coupon_disc" > 0
                  ) OR (
                    "t7"."coupon_match_disc" > 0
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
              ) AS "t7"
              GROUP BY
                1,
                2
            ) AS "t11"
          ) AS "t14"
        ) AS "t18"
        INNER JOIN "windows" AS "t4"
          ON "t18"."day" >= "t4"."first_day" AND "t18"."day" < "t4"."index_day"
      ) AS "t20"
      GROUP BY
        1,
        2
    ) AS "t24"
    INNER JOIN (
      SELECT
        "t19"."window",
        "t19"."household_key",
        SUM(CAST("t19"."n_products" AS DOUBLE)) AS "n_products",
        CAST(SUM(CAST((
          "t19"."department" IS NOT NULL
        ) AND NOT (
          "t19"."fuel"
        ) AS DOUBLE)) AS BIGINT) AS "n_departments",
        SUM(CASE WHEN "t19"."fuel" THEN 0.0 ELSE "t19"."quantity" END) AS "n_items",
        SUM("t19"."n_discounted") AS "n_discounted",
        SUM("t19"."n_branded") AS "n_branded",
        SUM(CASE WHEN "t19"."fuel" THEN 0.0 ELSE "t19"."n_private" END) AS "n_private_label",
        SUM(CASE WHEN "t19"."fuel" THEN 0.0 ELSE "t19"."n_branded" END) AS "n_brand_choices",
        SUM(CASE WHEN "t19"."macro" = 'grocery' THEN "t19"."sales" ELSE 0.0 END) AS "sales_grocery",
        SUM(CASE WHEN "t19"."macro" = 'fresh' THEN "t19"."sales" ELSE 0.0 END) AS "sales_fresh",
        SUM(CASE WHEN "t19"."macro" = 'bakery' THEN "t19"."sales" ELSE 0.0 END) AS "sales_bakery",
        SUM(CASE WHEN "t19"."macro" = 'health_beauty' THEN "t19"."sales" ELSE 0.0 END) AS "sales_health_beauty",
        SUM(CASE WHEN "t19"."macro" = 'alcohol' THEN "t19"."sales" ELSE 0.0 END) AS "sales_alcohol",
        SUM(CASE WHEN "t19"."macro" = 'other' THEN "t19"."sales" ELSE 0.0 END) AS "sales_other"
      FROM (
        SELECT
          "t16"."window",
          "t16"."household_key",
          "t16"."department",
          "t16"."fuel",
          "t16"."n_products",
          "t16"."n_branded",
          "t16"."n_private",
          "t16"."n_discounted",
          "t16"."quantity",
          "t16"."sales",
          CASE
            WHEN "t16"."department" IN ('GROCERY', 'FROZEN GROCERY', 'GRO BAKERY')
            THEN 'grocery'
            WHEN "t16"."department" IN (
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
            WHEN "t16"."department" IN ('PASTRY')
            THEN 'bakery'
            WHEN "t16"."department" IN ('DRUG GM', 'NUTRITION', 'COSMETICS', 'RX', 'PHARMACY SUPPLY', 'HBC')
            THEN 'health_beauty'
            WHEN "t16"."department" IN ('SPIRITS')
            THEN 'alcohol'
            ELSE 'other'
          END AS "macro"
        FROM (
          SELECT
            "t15"."window",
            "t15"."household_key",
            "t15"."department",
            COALESCE("t15"."fuel", FALSE) AS "fuel",
            COUNT(*) AS "n_products",
            SUM(
              CASE
                WHEN "t15"."brand" IS NOT NULL
                THEN CAST("t15"."n_lines" AS DOUBLE)
                ELSE 0.0
              END
            ) AS "n_branded",
            SUM(
              CASE
                WHEN "t15"."brand" = 'Private'
                THEN CAST("t15"."n_lines" AS DOUBLE)
                ELSE 0.0
              END
            ) AS "n_private",
            SUM("t15"."n_discounted") AS "n_discounted",
            SUM("t15"."quantity") AS "quantity",
            SUM("t15"."sales") AS "sales"
          FROM (
            SELECT
              "t13"."window",
              "t13"."household_key",
              "t13"."product_id",
              "t13"."n_lines",
              "t13"."n_discounted",
              "t13"."quantity",
              "t13"."sales",
              "t9"."product_id" AS "product_id_right",
              "t9"."department",
              "t9"."brand",
              "t9"."fuel"
            FROM (
              SELECT
                "t10"."window",
                "t10"."household_key",
                "t10"."product_id",
                COUNT(*) AS "n_lines",
                SUM("t10"."discounted") AS "n_discounted",
                SUM(CAST("t10"."quantity" AS DOUBLE)) AS "quantity",
                SUM("t10"."sales") AS "sales"
              FROM (
                SELECT
                  "t6"."household_key",
                  "t6"."product_id",
                  "t6"."day",
                  "t6"."quantity",
                  "t6"."sales",
                  "t6"."discounted",
                  "t4"."window",
                  "t4"."first_day",
                  "t4"."index_day"
                FROM (
                  SELECT
                    "t1"."household_key",
                    "t1"."product_id",
                    "t1"."day",
                    "t1"."quantity",
                    CAST(CAST(ROUND("t1"."sales_value" * 100.0, 0) AS BIGINT) AS DOUBLE) AS "sales",
                    CAST("t1"."retail_disc" > 0 AS DOUBLE) AS "discounted"
                  FROM "transactions" AS "t1"
                ) AS "t6"
                INNER JOIN "windows" AS "t4"
                  ON "t6"."day" >= "t4"."first_day" AND "t6"."day" < "t4"."index_day"
              ) AS "t10"
              GROUP BY
                1,
                2,
                3
            ) AS "t13"
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
            ) AS "t9"
              ON "t13"."product_id" = "t9"."product_id"
          ) AS "t15"
          GROUP BY
            1,
            2,
            3,
            4
        ) AS "t16"
      ) AS "t19"
      GROUP BY
        1,
        2
    ) AS "t22"
      ON "t24"."window" = "t22"."window" AND "t24"."household_key" = "t22"."household_key"
    INNER JOIN "windows" AS "t3"
      ON "t24"."window" = "t3"."window"
  ) AS "t25"
) AS "t26"
ORDER BY
  "t26"."window" ASC,
  "t26"."household_key" ASC
