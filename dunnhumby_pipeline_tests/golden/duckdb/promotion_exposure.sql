SELECT
  "t19"."window",
  "t19"."household_key",
  "t19"."n_display" / NULLIF("t19"."n_lines", 0) AS "display_exposure_rate",
  "t19"."n_mailer" / NULLIF("t19"."n_lines", 0) AS "mailer_exposure_rate"
FROM (
  SELECT
    "t18"."window",
    "t18"."household_key",
    SUM("t18"."n_lines") AS "n_lines",
    SUM("t18"."n_display") AS "n_display",
    SUM("t18"."n_mailer") AS "n_mailer"
  FROM (
    SELECT
      "t17"."household_key",
      "t17"."day",
      "t17"."n_lines",
      "t17"."n_display",
      "t17"."n_mailer",
      "t11"."window",
      "t11"."first_day",
      "t11"."index_day"
    FROM (
      SELECT
        "t15"."household_key",
        "t15"."day",
        "t15"."n_lines",
        COALESCE("t15"."n_display", 0.0) AS "n_display",
        COALESCE("t15"."n_mailer", 0.0) AS "n_mailer"
      FROM (
        SELECT
          "t9"."household_key",
          "t9"."day",
          "t9"."n_lines",
          "t14"."household_key" AS "household_key_right",
          "t14"."day" AS "day_right",
          "t14"."n_display",
          "t14"."n_mailer"
        FROM (
          SELECT
            "t1"."household_key",
            "t1"."day",
            CAST(COUNT(*) AS DOUBLE) AS "n_lines"
          FROM "transactions" AS "t1"
          GROUP BY
            1,
            2
        ) AS "t9"
        LEFT OUTER JOIN (
          SELECT
            "t12"."household_key",
            "t12"."day",
            SUM(CAST("t12"."display" <> '0' AS DOUBLE)) AS "n_display",
            SUM(CAST("t12"."mailer" <> '0' AS DOUBLE)) AS "n_mailer"
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
              "t4"."display",
              "t4"."mailer"
            FROM "transactions" AS "t3"
            INNER JOIN (
              SELECT
                MIN("t0"."first_day") AS "span_start",
                MAX("t0"."index_day") AS "span_end"
              FROM "windows" AS "t0"
            ) AS "t8"
              ON "t3"."day" >= "t8"."span_start" AND "t3"."day" < "t8"."span_end"
            INNER JOIN "promotions" AS "t4"
              ON "t3"."product_id" = "t4"."product_id"
              AND "t3"."store_id" = "t4"."store_id"
              AND "t3"."week_no" = "t4"."week_no"
          ) AS "t12"
          GROUP BY
            1,
            2
        ) AS "t14"
          ON "t9"."household_key" = "t14"."household_key" AND "t9"."day" = "t14"."day"
      ) AS "t15"
    ) AS "t17"
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
      ) AS "t7"
    ) AS "t11"
      ON "t17"."day" = "t11"."day"
  ) AS "t18"
  GROUP BY
    1,
    2
) AS "t19"
ORDER BY
  "t19"."window" ASC,
  "t19"."household_key" ASC
