SELECT
  `t10`.`window`,
  `t10`.`household_key`,
  `t10`.`first_trip`,
  `t10`.`last_trip`,
  `t10`.`trips`,
  `t10`.`weeks`,
  `t10`.`sales` / CAST(100.0 AS DOUBLE) AS `sales`,
  (
    `t10`.`sales_squared` / CAST(100.0 AS DOUBLE)
  ) / CAST(100.0 AS DOUBLE) AS `sales_squared`,
  `t10`.`quarter_trips`,
  `t10`.`quarter_weeks`,
  `t10`.`quarter_sales` / CAST(100.0 AS DOUBLE) AS `quarter_sales`,
  (
    `t10`.`quarter_sales_squared` / CAST(100.0 AS DOUBLE)
  ) / CAST(100.0 AS DOUBLE) AS `quarter_sales_squared`,
  `t10`.`quarter_baskets`,
  `t10`.`recent_trips`,
  `t10`.`recent_sales` / CAST(100.0 AS DOUBLE) AS `recent_sales`
FROM (
  SELECT
    `t9`.`window`,
    `t9`.`household_key`,
    MIN(`t9`.`first_trip`) AS `first_trip`,
    MAX(`t9`.`last_trip`) AS `last_trip`,
    SUM(`t9`.`trips`) AS `trips`,
    CAST(COUNT(*) AS DOUBLE) AS `weeks`,
    SUM(`t9`.`sales`) AS `sales`,
    SUM(`t9`.`sales` * `t9`.`sales`) AS `sales_squared`,
    SUM(IF(`t9`.`quarter`, `t9`.`trips`, CAST(0.0 AS DOUBLE))) AS `quarter_trips`,
    SUM(CAST(`t9`.`quarter` AS DOUBLE)) AS `quarter_weeks`,
    SUM(IF(`t9`.`quarter`, `t9`.`sales`, CAST(0.0 AS DOUBLE))) AS `quarter_sales`,
    SUM(IF(`t9`.`quarter`, `t9`.`sales` * `t9`.`sales`, CAST(0.0 AS DOUBLE))) AS `quarter_sales_squared`,
    SUM(IF(`t9`.`quarter`, `t9`.`n_baskets`, CAST(0.0 AS DOUBLE))) AS `quarter_baskets`,
    SUM(`t9`.`recent_trips`) AS `recent_trips`,
    SUM(`t9`.`recent_sales`) AS `recent_sales`
  FROM (
    SELECT
      `t8`.`window`,
      `t8`.`household_key`,
      CAST(FLOOR(CAST(`t8`.`age` AS DOUBLE) / 7) AS BIGINT) AS `week`,
      `t8`.`age` < 84 AS `quarter`,
      MIN(`t8`.`day`) AS `first_trip`,
      MAX(`t8`.`day`) AS `last_trip`,
      CAST(COUNT(*) AS DOUBLE) AS `trips`,
      SUM(CAST(`t8`.`age` < 28 AS DOUBLE)) AS `recent_trips`,
      SUM(`t8`.`n_baskets`) AS `n_baskets`,
      SUM(`t8`.`sales`) AS `sales`,
      SUM(IF(`t8`.`age` < 28, `t8`.`sales`, CAST(0.0 AS DOUBLE))) AS `recent_sales`
    FROM (
      SELECT
        `t7`.`window`,
        `t7`.`household_key`,
        `t7`.`day`,
        (
          `t7`.`index_day` - 1
        ) - `t7`.`day` AS `age`,
        CAST(COUNT(*) AS DOUBLE) AS `n_baskets`,
        SUM(`t7`.`sales`) AS `sales`
      FROM (
        SELECT
          `t5`.`household_key`,
          `t5`.`basket_id`,
          `t5`.`day`,
          `t5`.`time`,
          `t5`.`n_lines`,
          `t5`.`sales`,
          `t5`.`retail_disc`,
          `t5`.`coupon_disc`,
          `t5`.`coupon_match_disc`,
          `t6`.`window`,
          `t6`.`first_day`,
          `t6`.`index_day`
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
        ) AS `t5`
        INNER JOIN (
          SELECT
            *
          FROM (
            SELECT
              `t1`.`window`,
              `t1`.`first_day`,
              `t1`.`index_day`,
              EXPLODE(
                IF(
                  (
                    1 <> 0
                  ) AND (
                    SIGN(1) = SIGN(`t1`.`index_day` - `t1`.`first_day`)
                  ),
                  IF(
                    ELEMENT_AT(
                      SEQUENCE(`t1`.`first_day`, `t1`.`index_day`, 1),
                      SIZE(SEQUENCE(`t1`.`first_day`, `t1`.`index_day`, 1))
                    ) = `t1`.`index_day`,
                    SLICE(
                      SEQUENCE(`t1`.`first_day`, `t1`.`index_day`, 1),
                      1,
                      SIZE(SEQUENCE(`t1`.`first_day`, `t1`.`index_day`, 1)) - 1
                    ),
                    SEQUENCE(`t1`.`first_day`, `t1`.`index_day`, 1)
                  ),
                  ARRAY()
                )
              ) AS `day`
            FROM `windows` AS `t1`
          ) AS `t2`
        ) AS `t6`
          ON `t5`.`day` = `t6`.`day`
      ) AS `t7`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t8`
    GROUP BY
      1,
      2,
      3,
      4
  ) AS `t9`
  GROUP BY
    1,
    2
) AS `t10`
ORDER BY
  `t10`.`window` ASC NULLS LAST,
  `t10`.`household_key` ASC NULLS LAST
