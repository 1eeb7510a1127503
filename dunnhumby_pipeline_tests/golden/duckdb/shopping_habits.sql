SELECT
  "t10"."window",
  "t10"."household_key",
  (
    (
      "t10"."recent_sales" / 56
    ) - (
      (
        "t10"."sales" - "t10"."recent_sales"
      ) / "t10"."earlier_days"
    )
  ) / NULLIF(
    (
      "t10"."recent_sales" / 56
    ) + (
      (
        "t10"."sales" - "t10"."recent_sales"
      ) / "t10"."earlier_days"
    ),
    0
  ) AS "spend_trend",
  (
    (
      "t10"."recent_baskets" / 56
    ) - (
      (
        "t10"."n_baskets" - "t10"."recent_baskets"
      ) / "t10"."earlier_days"
    )
  ) / NULLIF(
    (
      "t10"."recent_baskets" / 56
    ) + (
      (
        "t10"."n_baskets" - "t10"."recent_baskets"
      ) / "t10"."earlier_days"
    ),
    0
  ) AS "basket_trend",
  (
    "t10"."n_weekday_5" + "t10"."n_weekday_6"
  ) / NULLIF("t10"."n_baskets", 0) AS "weekend_share",
  "t10"."n_morning" / NULLIF("t10"."n_baskets", 0) AS "morning_share",
  "t10"."n_evening" / NULLIF("t10"."n_baskets", 0) AS "evening_share",
  GREATEST(
    "t10"."n_weekday_0",
    "t10"."n_weekday_1",
    "t10"."n_weekday_2",
    "t10"."n_weekday_3",
    "t10"."n_weekday_4",
    "t10"."n_weekday_5",
    "t10"."n_weekday_6"
  ) / NULLIF("t10"."n_baskets", 0) AS "weekday_concentration",
  "t10"."n_with_coupon" / NULLIF("t10"."n_baskets", 0) AS "coupon_basket_share",
  (
    "t10"."coupons" / 100.0
  ) / NULLIF("t10"."n_baskets", 0) AS "coupon_per_basket"
FROM (
  SELECT
    "t9"."window",
    "t9"."household_key",
    "t9"."index_day",
    "t9"."first_day",
    "t9"."first_seen",
    "t9"."n_baskets",
    "t9"."sales",
    "t9"."recent_baskets",
    "t9"."recent_sales",
    "t9"."n_morning",
    "t9"."n_evening",
    "t9"."n_with_coupon",
    "t9"."coupons",
    "t9"."n_weekday_0",
    "t9"."n_weekday_1",
    "t9"."n_weekday_2",
    "t9"."n_weekday_3",
    "t9"."n_weekday_4",
    "t9"."n_weekday_5",
    "t9"."n_weekday_6",
    CASE
      WHEN CAST((
        "t9"."index_day" - 56
      ) - GREATEST("t9"."first_seen", "t9"."first_day") AS DOUBLE) > 0
      THEN CAST((
        "t9"."index_day" - 56
      ) - GREATEST("t9"."first_seen", "t9"."first_day") AS DOUBLE)
      ELSE CAST(NULL AS DOUBLE)
    END AS "earlier_days"
  FROM (
    SELECT
      "t8"."window",
      "t8"."household_key",
      MAX("t8"."index_day") AS "index_day",
      MAX("t8"."first_day") AS "first_day",
      MIN("t8"."first_seen") AS "first_seen",
      SUM("t8"."n_baskets") AS "n_baskets",
      SUM("t8"."sales") AS "sales",
      SUM(
        CASE
          WHEN "t8"."day" >= (
            "t8"."index_day" - 56
          )
          THEN "t8"."n_baskets"
          ELSE 0.0
        END
      ) AS "recent_baskets",
      SUM(
        CASE WHEN "t8"."day" >= (
          "t8"."index_day" - 56
        ) THEN "t8"."sales" ELSE 0.0 END
      ) AS "recent_sales",
      SUM("t8"."n_morning") AS "n_morning",
      SUM("t8"."n_evening") AS "n_evening",
      SUM("t8"."n_with_coupon") AS "n_with_coupon",
      SUM("t8"."coupon_disc" + "t8"."coupon_match_disc") AS "coupons",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 0 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_0",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 1 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_1",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 2 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_2",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 3 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_3",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 4 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_4",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 5 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_5",
      SUM(
        CASE WHEN (
          (
            "t8"."day" + 8
          ) % 7
        ) = 6 THEN "t8"."n_baskets" ELSE 0.0 END
      ) AS "n_weekday_6"
    FROM (
      SELECT
        "t7"."household_key",
        "t7"."day",
        "t7"."n_baskets",
        "t7"."n_lines",
        "t7"."sales",
        "t7"."sales_squared",
        "t7"."retail_disc",
        "t7"."coupon_disc",
        "t7"."coupon_match_disc",
        "t7"."n_morning",
        "t7"."n_evening",
        "t7"."n_with_coupon",
        "t7"."previous",
        "t7"."first_seen",
        "t7"."new_week",
        "t2"."window",
        "t2"."first_day",
        "t2"."index_day"
      FROM (
        SELECT
          "t5"."household_key",
          "t5"."day",
          "t5"."n_baskets",
          "t5"."n_lines",
          "t5"."sales",
          "t5"."sales_squared",
          "t5"."retail_disc",
          "t5"."coupon_disc",
          "t5"."coupon_match_disc",
          "t5"."n_morning",
          "t5"."n_evening",
          "t5"."n_with_coupon",
          "t5"."previous",
          "t5"."first_seen",
          COALESCE(
            CAST(CAST(FLOOR((
              CAST("t5"."day" AS DOUBLE) + 8
            ) / 7) AS BIGINT) AS INT) <> CAST(CAST(FLOOR((
              CAST("t5"."previous" AS DOUBLE) + 8
            ) / 7) AS BIGINT) AS INT),
            TRUE
          ) AS "new_week"
        FROM (
          SELECT
            "t4"."household_key",
            "t4"."day",
            "t4"."n_baskets",
            "t4"."n_lines",
            "t4"."sales",
            "t4"."sales_squared",
            "t4"."retail_disc",
            "t4"."coupon_disc",
            "t4"."coupon_match_disc",
            "t4"."n_morning",
            "t4"."n_evening",
            "t4"."n_with_coupon",
            LAG("t4"."day") OVER (
              PARTITION BY "t4"."household_key"
              ORDER BY "t4"."day" ASC
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "previous",
            MIN("t4"."day") OVER (
              PARTITION BY "t4"."household_key"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "first_seen"
          FROM (
            SELECT
              "t3"."household_key",
              "t3"."day",
              CAST(COUNT(*) AS DOUBLE) AS "n_baskets",
              SUM(CAST("t3"."n_lines" AS DOUBLE)) AS "n_lines",
              SUM("t3"."sales") AS "sales",
              SUM("t3"."sales" * "t3"."sales") AS "sales_squared",
              SUM("t3"."retail_disc") AS "retail_disc",
              SUM("t3"."coupon_disc") AS "coupon_disc",
              SUM("t3"."coupon_match_disc") AS "coupon_match_disc",
              SUM(CAST("t3"."time" < 1200 AS DOUBLE)) AS "n_morning",
              SUM(CAST("t3"."time" >= 1700 AS DOUBLE)) AS "n_evening",
              SUM(
                CAST((
                  "t3"."coupon_disc" > 0
                ) OR (
                  "t3"."coupon_match_disc" > 0
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
            ) AS "t3"
            GROUP BY
              1,
              2
          ) AS "t4"
        ) AS "t5"
      ) AS "t7"
      INNER JOIN "windows" AS "t2"
        ON "t7"."day" >= "t2"."first_day" AND "t7"."day" < "t2"."index_day"
    ) AS "t8"
    GROUP BY
      1,
      2
  ) AS "t9"
) AS "t10"
ORDER BY
  "t10"."window" ASC,
  "t10"."household_key" ASC
