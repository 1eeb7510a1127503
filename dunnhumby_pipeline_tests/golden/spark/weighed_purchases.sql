SELECT
  *
FROM (
  SELECT
    `t17`.`window`,
    `t17`.`household_key`,
    SUM(`t17`.`sales`) / CAST(100.0 AS DOUBLE) AS `purchase_amount`,
    COUNT(*) AS `purchase_count`,
    SUM(`t17`.`without_fuel`) / CAST(100.0 AS DOUBLE) AS `amount_without_fuel`,
    SUM(`t17`.`weighed`) / CAST(100.0 AS DOUBLE) AS `margin_weighted_amount`,
    (
      (
        MAX(`t17`.`margin`) * SUM(`t17`.`weighed_before_match`)
      ) - SUM(`t17`.`match`)
    ) / CAST(100.0 AS DOUBLE) AS `gross_profit`
  FROM (
    SELECT
      `t16`.`household_key`,
      `t16`.`day`,
      `t16`.`sales`,
      `t16`.`without_fuel`,
      `t16`.`weighed`,
      `t16`.`match`,
      `t16`.`weighed_before_match`,
      `t16`.`margin`,
      `t16`.`window`,
      `t16`.`first_day`,
      `t16`.`index_day`,
      CAST(100.0 AS DOUBLE) AS `one_dollar`
    FROM (
      SELECT
        `t9`.`household_key`,
        `t9`.`day`,
        `t9`.`sales`,
        `t9`.`sales` - COALESCE(`t15`.`fuel`, CAST(0.0 AS DOUBLE)) AS `without_fuel`,
        `t9`.`sales` + COALESCE(`t15`.`gain`, CAST(0.0 AS DOUBLE)) AS `weighed`,
        `t9`.`coupon_match_disc` AS `match`,
        `t9`.`sales` + COALESCE(`t15`.`gain`, CAST(0.0 AS DOUBLE)) + `t9`.`coupon_match_disc` + COALESCE(`t15`.`match_gain`, CAST(0.0 AS DOUBLE)) AS `weighed_before_match`,
        CAST(0.3 AS DOUBLE) AS `margin`,
        `t5`.`window`,
        `t5`.`first_day`,
        `t5`.`index_day`
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
      ) AS `t9`
      LEFT OUTER JOIN (
        SELECT
          `t13`.`household_key`,
          `t13`.`basket_id`,
          SUM(
            IF(
              `t13`.`fuel`,
              CAST(CAST(ROUND(`t13`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE),
              CAST(0.0 AS DOUBLE)
            )
          ) AS `fuel`,
          SUM(
            (
              CAST(CAST(ROUND(
                CAST(CAST(ROUND(`t13`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE) * COALESCE(`t13`.`weight`, CAST(1.0 AS DOUBLE)) * CAST(65536.0 AS DOUBLE),
                0
              ) AS BIGINT) AS DOUBLE) / CAST(65536.0 AS DOUBLE)
            ) - CAST(CAST(ROUND(`t13`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
          ) AS `gain`,
          SUM(
            (
              CAST(CAST(ROUND(
                CAST(CAST(ROUND(`t13`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE) * COALESCE(`t13`.`weight`, CAST(1.0 AS DOUBLE)) * CAST(65536.0 AS DOUBLE),
                0
              ) AS BIGINT) AS DOUBLE) / CAST(65536.0 AS DOUBLE)
            ) - CAST(CAST(ROUND(`t13`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
          ) AS `match_gain`
        FROM (
          SELECT
            `t4`.`household_key`,
            `t4`.`basket_id`,
            `t4`.`day`,
            `t4`.`week_no`,
            `t4`.`product_id`,
            `t4`.`quantity`,
            `t4`.`sales_value`,
            `t4`.`store_id`,
            `t4`.`retail_disc`,
            `t4`.`trans_time`,
            `t4`.`coupon_disc`,
            `t4`.`coupon_match_disc`,
            `t12`.`weight`,
            `t12`.`fuel`
          FROM `transactions` AS `t4`
          INNER JOIN (
            SELECT
              *
            FROM (
              SELECT
                `t6`.`product_id`,
                `t7`.`weight`,
                COALESCE(
                  `t6`.`department` IN ('KIOSK-GAS', 'FUEL')
                  OR (
                    `t6`.`department` IN ('MISC SALES TRAN', 'MISC. TRANS.', 'MISCELLANEOUS')
                    AND STARTSWITH(`t6`.`sub_commodity_desc`, 'GASOLINE')
                  ),
                  FALSE
                ) AS `fuel`
              FROM `products` AS `t6`
              LEFT OUTER JOIN `margin_weights` AS `t7`
                ON `t6`.`department` = `t7`.`department`
            ) AS `t10`
            WHERE
              `t10`.`fuel` OR (
                `t10`.`weight` IS NOT NULL AND NOT ISNAN(`t10`.`weight`)
              )
          ) AS `t12`
            ON `t4`.`product_id` = `t12`.`product_id`
        ) AS `t13`
        GROUP BY
          1,
          2
      ) AS `t15`
        ON `t9`.`household_key` = `t15`.`household_key`
        AND `t9`.`basket_id` = `t15`.`basket_id`
      INNER JOIN `windows` AS `t5`
        ON `t9`.`day` >= `t5`.`first_day` AND `t9`.`day` < `t5`.`index_day`
    ) AS `t16`
  ) AS `t17`
  GROUP BY
    1,
    2
) AS `t18`
ORDER BY
  `t18`.`window` ASC NULLS LAST,
  `t18`.`household_key` ASC NULLS LAST
