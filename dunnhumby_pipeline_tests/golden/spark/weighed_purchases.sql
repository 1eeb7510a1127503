SELECT
  *
FROM (
  SELECT
    `t19`.`window`,
    `t19`.`household_key`,
    SUM(`t19`.`sales`) / CAST(100.0 AS DOUBLE) AS `purchase_amount`,
    COUNT(*) AS `purchase_count`,
    SUM(`t19`.`without_fuel`) / CAST(100.0 AS DOUBLE) AS `amount_without_fuel`,
    SUM(`t19`.`weighed`) / CAST(100.0 AS DOUBLE) AS `margin_weighted_amount`,
    (
      (
        MAX(`t19`.`margin`) * SUM(`t19`.`weighed_before_match`)
      ) - SUM(`t19`.`match`)
    ) / CAST(100.0 AS DOUBLE) AS `gross_profit`
  FROM (
    SELECT
      `t18`.`household_key`,
      `t18`.`day`,
      `t18`.`sales`,
      `t18`.`without_fuel`,
      `t18`.`weighed`,
      `t18`.`match`,
      `t18`.`weighed_before_match`,
      `t18`.`margin`,
      `t18`.`window`,
      `t18`.`first_day`,
      `t18`.`index_day`,
      CAST(100.0 AS DOUBLE) AS `one_dollar`
    FROM (
      SELECT
        `t10`.`household_key`,
        `t10`.`day`,
        `t10`.`sales`,
        `t10`.`sales` - COALESCE(`t17`.`fuel`, CAST(0.0 AS DOUBLE)) AS `without_fuel`,
        `t10`.`sales` + COALESCE(`t17`.`gain`, CAST(0.0 AS DOUBLE)) AS `weighed`,
        `t10`.`coupon_match_disc` AS `match`,
        `t10`.`sales` + COALESCE(`t17`.`gain`, CAST(0.0 AS DOUBLE)) + `t10`.`coupon_match_disc` + COALESCE(`t17`.`match_gain`, CAST(0.0 AS DOUBLE)) AS `weighed_before_match`,
        CAST(0.3 AS DOUBLE) AS `margin`,
        `t11`.`window`,
        `t11`.`first_day`,
        `t11`.`index_day`
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
      ) AS `t10`
      LEFT OUTER JOIN (
        SELECT
          `t15`.`household_key`,
          `t15`.`basket_id`,
          SUM(
            IF(
              `t15`.`fuel`,
              CAST(CAST(ROUND(`t15`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE),
              CAST(0.0 AS DOUBLE)
            )
          ) AS `fuel`,
          SUM(
            (
              CAST(CAST(ROUND(
                CAST(CAST(ROUND(`t15`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE) * COALESCE(`t15`.`weight`, CAST(1.0 AS DOUBLE)) * CAST(65536.0 AS DOUBLE),
                0
              ) AS BIGINT) AS DOUBLE) / CAST(65536.0 AS DOUBLE)
            ) - CAST(CAST(ROUND(`t15`.`sales_value` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
          ) AS `gain`,
          SUM(
            (
              CAST(CAST(ROUND(
                CAST(CAST(ROUND(`t15`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE) * COALESCE(`t15`.`weight`, CAST(1.0 AS DOUBLE)) * CAST(65536.0 AS DOUBLE),
                0
              ) AS BIGINT) AS DOUBLE) / CAST(65536.0 AS DOUBLE)
            ) - CAST(CAST(ROUND(`t15`.`coupon_match_disc` * CAST(100.0 AS DOUBLE), 0) AS BIGINT) AS DOUBLE)
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
            `t14`.`weight`,
            `t14`.`fuel`
          FROM `transactions` AS `t4`
          INNER JOIN (
            SELECT
              *
            FROM (
              SELECT
                `t5`.`product_id`,
                `t6`.`weight`,
                COALESCE(
                  `t5`.`department` IN ('KIOSK-GAS', 'FUEL')
                  OR (
                    `t5`.`department` IN ('MISC SALES TRAN', 'MISC. TRANS.', 'MISCELLANEOUS')
                    AND STARTSWITH(`t5`.`sub_commodity_desc`, 'GASOLINE')
                  ),
                  FALSE
                ) AS `fuel`
              FROM `products` AS `t5`
              LEFT OUTER JOIN `margin_weights` AS `t6`
                ON `t5`.`department` = `t6`.`department`
            ) AS `t12`
            WHERE
              `t12`.`fuel` OR (
                `t12`.`weight` IS NOT NULL AND NOT ISNAN(`t12`.`weight`)
              )
          ) AS `t14`
            ON `t4`.`product_id` = `t14`.`product_id`
        ) AS `t15`
        GROUP BY
          1,
          2
      ) AS `t17`
        ON `t10`.`household_key` = `t17`.`household_key`
        AND `t10`.`basket_id` = `t17`.`basket_id`
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
        ) AS `t7`
      ) AS `t11`
        ON `t10`.`day` = `t11`.`day`
    ) AS `t18`
  ) AS `t19`
  GROUP BY
    1,
    2
) AS `t20`
ORDER BY
  `t20`.`window` ASC NULLS LAST,
  `t20`.`household_key` ASC NULLS LAST
