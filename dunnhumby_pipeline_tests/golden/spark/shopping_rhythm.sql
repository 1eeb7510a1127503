SELECT
  `t8`.`window`,
  `t8`.`household_key`,
  `t8`.`first_trip`,
  `t8`.`last_trip`,
  `t8`.`trips`,
  `t8`.`weeks`,
  `t8`.`sales` / CAST(100.0 AS DOUBLE) AS `sales`,
  (
    `t8`.`sales_squared` / CAST(100.0 AS DOUBLE)
  ) / CAST(100.0 AS DOUBLE) AS `sales_squared`,
  `t8`.`quarter_trips`,
  `t8`.`quarter_weeks`,
  `t8`.`quarter_sales` / CAST(100.0 AS DOUBLE) AS `quarter_sales`,
  (
    `t8`.`quarter_sales_squared` / CAST(100.0 AS DOUBLE)
  ) / CAST(100.0 AS DOUBLE) AS `quarter_sales_squared`,
  `t8`.`quarter_baskets`,
  `t8`.`recent_trips`,
  `t8`.`recent_sales` / CAST(100.0 AS DOUBLE) AS `recent_sales`
FROM (
  SELECT
    `t7`.`window`,
    `t7`.`household_key`,
    MIN(`t7`.`first_trip`) AS `first_trip`,
    MAX(`t7`.`last_trip`) AS `last_trip`,
    SUM(`t7`.`trips`) AS `trips`,
    CAST(COUNT(*) AS DOUBLE) AS `weeks`,
    SUM(`t7`.`sales`) AS `sales`,
    SUM(`t7`.`sales` * `t7`.`sales`) AS `sales_squared`,
    SUM(IF(`t7`.`quarter`, `t7`.`trips`, CAST(0.0 AS DOUBLE))) AS `quarter_trips`,
    SUM(CAST(`t7`.`quarter` AS DOUBLE)) AS `quarter_weeks`,
    SUM(IF(`t7`.`quarter`, `t7`.`sales`, CAST(0.0 AS DOUBLE))) AS `quarter_sales`,
    SUM(IF(`t7`.`quarter`, `t7`.`sales` * `t7`.`sales`, CAST(0.0 AS DOUBLE))) AS `quarter_sales_squared`,
    SUM(IF(`t7`.`quarter`, `t7`.`n_baskets`, CAST(0.0 AS DOUBLE))) AS `quarter_baskets`,
    SUM(`t7`.`recent_trips`) AS `recent_trips`,
    SUM(`t7`.`recent_sales`) AS `recent_sales`
  FROM (
    SELECT
      `t6`.`window`,
      `t6`.`household_key`,
      CAST(FLOOR(CAST(`t6`.`age` AS DOUBLE) / 7) AS BIGINT) AS `week`,
      `t6`.`age` < 84 AS `quarter`,
      MIN(`t6`.`day`) AS `first_trip`,
      MAX(`t6`.`day`) AS `last_trip`,
      CAST(COUNT(*) AS DOUBLE) AS `trips`,
      SUM(CAST(`t6`.`age` < 28 AS DOUBLE)) AS `recent_trips`,
      SUM(`t6`.`n_baskets`) AS `n_baskets`,
      SUM(`t6`.`sales`) AS `sales`,
      SUM(IF(`t6`.`age` < 28, `t6`.`sales`, CAST(0.0 AS DOUBLE))) AS `recent_sales`
    FROM (
      SELECT
        `t5`.`window`,
        `t5`.`household_key`,
        `t5`.`day`,
        (
          `t5`.`index_day` - 1
        ) - `t5`.`day` AS `age`,
        CAST(COUNT(*) AS DOUBLE) AS `n_baskets`,
        SUM(`t5`.`sales`) AS `sales`
      FROM (
        SELECT
          `t4`.`household_key`,
          `t4`.`basket_id`,
          `t4`.`day`,
          `t4`.`time`,
          `t4`.`n_lines`,
          `t4`.`sales`,
          `t4`.`retail_disc`,
          `t4`.`coupon_disc`,
          `t4`.`coupon_match_disc`,
          `t2`.`window`,
          `t2`.`first_day`,
          `t2`.`index_day`
        FROM (
          SELECT
            `t0`.`household_key`,
            `t0`.`basket_id`,
            MIN(`t0`.`day`) AS `day`,
            MIN(`t0`.`trans_time`) AS `time`,
            COUNT(*) AS `n_lines`,
            SUM(
              CAST(CAST(ROUND(`t0`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
            ) AS `sales`,
            SUM(
              CAST(CAST(ROUND(`t0`.`retail_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
            ) AS `retail_disc`,
            SUM(
              CAST(CAST(ROUND(`t0`.`coupon_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
            ) AS `coupon_disc`,
            SUM(
              CAST(CAST(ROUND(`t0`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
            ) AS `coupon_match_disc`
          FROM `transactions` AS `t0`
          GROUP BY
            1,
            2
        ) AS `t4`
        INNER JOIN `windows` AS `t2`
          ON `t4`.`day` >= `t2`.`first_day` AND `t4`.`day` < `t2`.`index_day`
      ) AS `t5`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t6`
    GROUP BY
      1,
      2,
      3,
      4
  ) AS `t7`
  GROUP BY
    1,
    2
) AS `t8`
ORDER BY
  `t8`.`window` ASC NULLS LAST,
  `t8`.`household_key` ASC NULLS LAST
