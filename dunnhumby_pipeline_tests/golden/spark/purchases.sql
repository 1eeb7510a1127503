SELECT
  *
FROM (
  SELECT
    `t7`.`window`,
    `t7`.`household_key`,
    SUM(`t7`.`sales`) / CAST(100.0 AS DOUBLE) AS `purchase_amount`,
    COUNT(*) AS `purchase_count`
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
    2
) AS `t8`
ORDER BY
  `t8`.`window` ASC NULLS LAST,
  `t8`.`household_key` ASC NULLS LAST
