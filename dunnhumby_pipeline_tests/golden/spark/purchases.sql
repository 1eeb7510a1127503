SELECT
  *
FROM (
  SELECT
    `t5`.`window`,
    `t5`.`household_key`,
    SUM(`t5`.`sales`) / CAST(100.0 AS DOUBLE) AS `purchase_amount`,
    COUNT(*) AS `purchase_count`
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
    2
) AS `t6`
ORDER BY
  `t6`.`window` ASC NULLS LAST,
  `t6`.`household_key` ASC NULLS LAST
