SELECT
  *
FROM (
  SELECT
    "t9"."window",
    "t9"."household_key",
    "t9"."weeks_ago",
    COUNT(*) AS "trips",
    SUM("t9"."sales") / 100.0 AS "sales"
  FROM (
    SELECT
      "t8"."household_key",
      "t8"."day",
      "t8"."n_baskets",
      "t8"."n_lines",
      "t8"."sales",
      "t8"."sales_squared",
      "t8"."retail_disc",
      "t8"."coupon_disc",
      "t8"."coupon_match_disc",
      "t8"."n_morning",
      "t8"."n_evening",
      "t8"."n_with_coupon",
      "t8"."previous",
      "t8"."first_seen",
      "t8"."new_week",
      "t8"."window",
      "t8"."first_day",
      "t8"."index_day",
      CAST(CAST(FLOOR(CAST((
        "t8"."index_day" - 1
      ) - "t8"."day" AS DOUBLE) / 7) AS BIGINT) AS INT) AS "weeks_ago",
      CAST(CAST(FLOOR(CAST("t8"."index_day" - "t8"."first_day" AS DOUBLE) / 7) AS BIGINT) AS INT) AS "n_weeks"
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
    WHERE
      CAST(CAST(FLOOR(CAST((
        "t8"."index_day" - 1
      ) - "t8"."day" AS DOUBLE) / 7) AS BIGINT) AS INT) < CAST(CAST(FLOOR(CAST("t8"."index_day" - "t8"."first_day" AS DOUBLE) / 7) AS BIGINT) AS INT)
  ) AS "t9"
  GROUP BY
    1,
    2,
    3
) AS "t10"
ORDER BY
  "t10"."window" ASC,
  "t10"."household_key" ASC,
  "t10"."weeks_ago" ASC
