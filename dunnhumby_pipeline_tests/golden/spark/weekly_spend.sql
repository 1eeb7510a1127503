SELECT
  *
FROM (
  SELECT
    `t11`.`window`,
    `t11`.`household_key`,
    `t11`.`weeks_ago`,
    COUNT(*) AS `trips`,
    SUM(`t11`.`sales`) / CAST(100.0 AS DOUBLE) AS `sales`
  FROM (
    SELECT
      `t10`.`household_key`,
      `t10`.`day`,
      `t10`.`n_baskets`,
      `t10`.`n_lines`,
      `t10`.`sales`,
      `t10`.`sales_squared`,
      `t10`.`retail_disc`,
      `t10`.`coupon_disc`,
      `t10`.`coupon_match_disc`,
      `t10`.`n_morning`,
      `t10`.`n_evening`,
      `t10`.`n_with_coupon`,
      `t10`.`previous`,
      `t10`.`first_seen`,
      `t10`.`new_week`,
      `t10`.`window`,
      `t10`.`first_day`,
      `t10`.`index_day`,
      CAST(CAST(FLOOR(CAST((
        `t10`.`index_day` - 1
      ) - `t10`.`day` AS DOUBLE) / 7) AS BIGINT) AS INT) AS `weeks_ago`,
      CAST(CAST(FLOOR(CAST(`t10`.`index_day` - `t10`.`first_day` AS DOUBLE) / 7) AS BIGINT) AS INT) AS `n_weeks`
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
    WHERE
      CAST(CAST(FLOOR(CAST((
        `t10`.`index_day` - 1
      ) - `t10`.`day` AS DOUBLE) / 7) AS BIGINT) AS INT) < CAST(CAST(FLOOR(CAST(`t10`.`index_day` - `t10`.`first_day` AS DOUBLE) / 7) AS BIGINT) AS INT)
  ) AS `t11`
  GROUP BY
    1,
    2,
    3
) AS `t12`
ORDER BY
  `t12`.`window` ASC NULLS LAST,
  `t12`.`household_key` ASC NULLS LAST,
  `t12`.`weeks_ago` ASC NULLS LAST
