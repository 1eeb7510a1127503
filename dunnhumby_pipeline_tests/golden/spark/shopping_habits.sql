SELECT
  `t12`.`window`,
  `t12`.`household_key`,
  (
    (
      `t12`.`recent_sales` / 56
    ) - (
      (
        `t12`.`sales` - `t12`.`recent_sales`
      ) / `t12`.`earlier_days`
    )
  ) / NULLIF(
    (
      `t12`.`recent_sales` / 56
    ) + (
      (
        `t12`.`sales` - `t12`.`recent_sales`
      ) / `t12`.`earlier_days`
    ),
    0
  ) AS `spend_trend`,
  (
    (
      `t12`.`recent_baskets` / 56
    ) - (
      (
        `t12`.`n_baskets` - `t12`.`recent_baskets`
      ) / `t12`.`earlier_days`
    )
  ) / NULLIF(
    (
      `t12`.`recent_baskets` / 56
    ) + (
      (
        `t12`.`n_baskets` - `t12`.`recent_baskets`
      ) / `t12`.`earlier_days`
    ),
    0
  ) AS `basket_trend`,
  (
    `t12`.`n_weekday_5` + `t12`.`n_weekday_6`
  ) / NULLIF(`t12`.`n_baskets`, 0) AS `weekend_share`,
  `t12`.`n_morning` / NULLIF(`t12`.`n_baskets`, 0) AS `morning_share`,
  `t12`.`n_evening` / NULLIF(`t12`.`n_baskets`, 0) AS `evening_share`,
  GREATEST(
    `t12`.`n_weekday_0`,
    `t12`.`n_weekday_1`,
    `t12`.`n_weekday_2`,
    `t12`.`n_weekday_3`,
    `t12`.`n_weekday_4`,
    `t12`.`n_weekday_5`,
    `t12`.`n_weekday_6`
  ) / NULLIF(`t12`.`n_baskets`, 0) AS `weekday_concentration`,
  `t12`.`n_with_coupon` / NULLIF(`t12`.`n_baskets`, 0) AS `coupon_basket_share`,
  (
    `t12`.`coupons` / CAST(100.0 AS DOUBLE)
  ) / NULLIF(`t12`.`n_baskets`, 0) AS `coupon_per_basket`
FROM (
  SELECT
    `t11`.`window`,
    `t11`.`household_key`,
    `t11`.`index_day`,
    `t11`.`first_day`,
    `t11`.`first_seen`,
    `t11`.`n_baskets`,
    `t11`.`sales`,
    `t11`.`recent_baskets`,
    `t11`.`recent_sales`,
    `t11`.`n_morning`,
    `t11`.`n_evening`,
    `t11`.`n_with_coupon`,
    `t11`.`coupons`,
    `t11`.`n_weekday_0`,
    `t11`.`n_weekday_1`,
    `t11`.`n_weekday_2`,
    `t11`.`n_weekday_3`,
    `t11`.`n_weekday_4`,
    `t11`.`n_weekday_5`,
    `t11`.`n_weekday_6`,
    IF(
      CAST((
        `t11`.`index_day` - 56
      ) - GREATEST(`t11`.`first_seen`, `t11`.`first_day`) AS DOUBLE) > 0,
      CAST((
        `t11`.`index_day` - 56
      ) - GREATEST(`t11`.`first_seen`, `t11`.`first_day`) AS DOUBLE),
      CAST(NULL AS DOUBLE)
    ) AS `earlier_days`
  FROM (
    SELECT
      `t10`.`window`,
      `t10`.`household_key`,
      MAX(`t10`.`index_day`) AS `index_day`,
      MAX(`t10`.`first_day`) AS `first_day`,
      MIN(`t10`.`first_seen`) AS `first_seen`,
      SUM(`t10`.`n_baskets`) AS `n_baskets`,
      SUM(`t10`.`sales`) AS `sales`,
      SUM(
        IF(`t10`.`day` >= (
          `t10`.`index_day` - 56
        ), `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `recent_baskets`,
      SUM(
        IF(`t10`.`day` >= (
          `t10`.`index_day` - 56
        ), `t10`.`sales`, CAST(0.0 AS DOUBLE))
      ) AS `recent_sales`,
      SUM(`t10`.`n_morning`) AS `n_morning`,
      SUM(`t10`.`n_evening`) AS `n_evening`,
      SUM(`t10`.`n_with_coupon`) AS `n_with_coupon`,
      SUM(`t10`.`coupon_disc` + `t10`.`coupon_match_disc`) AS `coupons`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 0, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_0`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 1, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_1`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 2, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_2`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 3, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_3`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 4, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_4`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 5, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_5`,
      SUM(
        IF((
          (
            `t10`.`day` + 8
          ) % 7
        ) = 6, `t10`.`n_baskets`, CAST(0.0 AS DOUBLE))
      ) AS `n_weekday_6`
    FROM (
      SELECT
        `t9`.`household_key`,
        `t9`.`day`,
        `t9`.`n_baskets`,
        `t9`.`n_lines`,
        `t9`.`sales`,
        `t9`.`sales_squared`,
        `t9`.`retail_disc`,
        `t9`.`coupon_disc`,
        `t9`.`coupon_match_disc`,
        `t9`.`n_morning`,
        `t9`.`n_evening`,
        `t9`.`n_with_coupon`,
        `t9`.`previous`,
        `t9`.`first_seen`,
        `t9`.`new_week`,
        `t5`.`window`,
        `t5`.`first_day`,
        `t5`.`index_day`
      FROM (
        SELECT
          `t7`.`household_key`,
          `t7`.`day`,
          `t7`.`n_baskets`,
          `t7`.`n_lines`,
          `t7`.`sales`,
          `t7`.`sales_squared`,
          `t7`.`retail_disc`,
          `t7`.`coupon_disc`,
          `t7`.`coupon_match_disc`,
          `t7`.`n_morning`,
          `t7`.`n_evening`,
          `t7`.`n_with_coupon`,
          `t7`.`previous`,
          `t7`.`first_seen`,
          COALESCE(
            CAST(CAST(FLOOR((
              CAST(`t7`.`day` AS DOUBLE) + 8
            ) / 7) AS BIGINT) AS INT) <> CAST(CAST(FLOOR((
              CAST(`t7`.`previous` AS DOUBLE) + 8
            ) / 7) AS BIGINT) AS INT),
            TRUE
          ) AS `new_week`
        FROM (
          SELECT
            `t6`.`household_key`,
            `t6`.`day`,
            `t6`.`n_baskets`,
            `t6`.`n_lines`,
            `t6`.`sales`,
            `t6`.`sales_squared`,
            `t6`.`retail_disc`,
            `t6`.`coupon_disc`,
            `t6`.`coupon_match_disc`,
            `t6`.`n_morning`,
            `t6`.`n_evening`,
            `t6`.`n_with_coupon`,
            LAG(`t6`.`day`) OVER (PARTITION BY `t6`.`household_key` ORDER BY `t6`.`day` ASC NULLS LAST) AS `previous`,
            MIN(`t6`.`day`) OVER (
              PARTITION BY `t6`.`household_key`
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS `first_seen`
          FROM (
            SELECT
              `t4`.`household_key`,
              `t4`.`day`,
              CAST(COUNT(*) AS DOUBLE) AS `n_baskets`,
              SUM(CAST(`t4`.`n_lines` AS DOUBLE)) AS `n_lines`,
              SUM(`t4`.`sales`) AS `sales`,
              SUM(`t4`.`sales` * `t4`.`sales`) AS `sales_squared`,
              SUM(`t4`.`retail_disc`) AS `retail_disc`,
              SUM(`t4`.`coupon_disc`) AS `coupon_disc`,
              SUM(`t4`.`coupon_match_disc`) AS `coupon_match_disc`,
              SUM(CAST(`t4`.`time` < 1200 AS DOUBLE)) AS `n_morning`,
              SUM(CAST(`t4`.`time` >= 1700 AS DOUBLE)) AS `n_evening`,
              SUM(
                CAST((
                  `t4`.`coupon_disc` > 0
                ) OR (
                  `t4`.`coupon_match_disc` > 0
                ) AS DOUBLE)
              ) AS `n_with_coupon`
            FROM (
              SELECT
                `t1`.`household_key`,
                `t1`.`basket_id`,
                MIN(`t1`.`day`) AS `day`,
                MIN(`t1`.`trans_time`) AS `time`,
                COUNT(*) AS `n_lines`,
                SUM(
                  CAST(CAST(ROUND(`t1`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
                ) AS `sales`,
                SUM(
                  CAST(CAST(ROUND(`t1`.`retail_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
                ) AS `retail_disc`,
                SUM(
                  CAST(CAST(ROUND(`t1`.`coupon_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
                ) AS `coupon_disc`,
                SUM(
                  CAST(CAST(ROUND(`t1`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
                ) AS `coupon_match_disc`
              FROM `transactions` AS `t1`
              GROUP BY
                1,
                2
            ) AS `t4`
            GROUP BY
              1,
              2
          ) AS `t6`
        ) AS `t7`
      ) AS `t9`
      INNER JOIN (
        SELECT
          *
        FROM (
          SELECT
            `t0`.`window`,
            `t0`.`first_day`,
            `t0`.`index_day`,
            EXPLODE(
              IF(
                (
                  1 <> 0
                ) AND (
                  SIGN(1) = SIGN(`t0`.`index_day` - `t0`.`first_day`)
                ),
                IF(
                  ELEMENT_AT(
                    SEQUENCE(`t0`.`first_day`, `t0`.`index_day`, 1),
                    SIZE(SEQUENCE(`t0`.`first_day`, `t0`.`index_day`, 1))
                  ) = `t0`.`index_day`,
                  SLICE(
                    SEQUENCE(`t0`.`first_day`, `t0`.`index_day`, 1),
                    1,
                    SIZE(SEQUENCE(`t0`.`first_day`, `t0`.`index_day`, 1)) - 1
                  ),
                  SEQUENCE(`t0`.`first_day`, `t0`.`index_day`, 1)
                ),
                ARRAY()
              )
            ) AS `day`
          FROM `windows` AS `t0`
        ) AS `t2`
      ) AS `t5`
        ON `t9`.`day` = `t5`.`day`
    ) AS `t10`
    GROUP BY
      1,
      2
  ) AS `t11`
) AS `t12`
ORDER BY
  `t12`.`window` ASC NULLS LAST,
  `t12`.`household_key` ASC NULLS LAST
