SELECT
  `t17`.`window`,
  `t17`.`household_key`,
  `t17`.`n_display` / NULLIF(`t17`.`n_lines`, 0) AS `display_exposure_rate`,
  `t17`.`n_mailer` / NULLIF(`t17`.`n_lines`, 0) AS `mailer_exposure_rate`
FROM (
  SELECT
    `t16`.`window`,
    `t16`.`household_key`,
    SUM(`t16`.`n_lines`) AS `n_lines`,
    SUM(`t16`.`n_display`) AS `n_display`,
    SUM(`t16`.`n_mailer`) AS `n_mailer`
  FROM (
    SELECT
      `t15`.`household_key`,
      `t15`.`day`,
      `t15`.`n_lines`,
      `t15`.`n_display`,
      `t15`.`n_mailer`,
      `t3`.`window`,
      `t3`.`first_day`,
      `t3`.`index_day`
    FROM (
      SELECT
        `t13`.`household_key`,
        `t13`.`day`,
        `t13`.`n_lines`,
        COALESCE(`t13`.`n_display`, CAST(0.0 AS DOUBLE)) AS `n_display`,
        COALESCE(`t13`.`n_mailer`, CAST(0.0 AS DOUBLE)) AS `n_mailer`
      FROM (
        SELECT
          `t9`.`household_key`,
          `t9`.`day`,
          `t9`.`n_lines`,
          `t12`.`household_key` AS `household_key_right`,
          `t12`.`day` AS `day_right`,
          `t12`.`n_display`,
          `t12`.`n_mailer`
        FROM (
          SELECT
            `t1`.`household_key`,
            `t1`.`day`,
            CAST(COUNT(*) AS DOUBLE) AS `n_lines`
          FROM `transactions` AS `t1`
          GROUP BY
            1,
            2
        ) AS `t9`
        LEFT OUTER JOIN (
          SELECT
            `t10`.`household_key`,
            `t10`.`day`,
            SUM(CAST(`t10`.`display` <> '0' AS DOUBLE)) AS `n_display`,
            SUM(CAST(`t10`.`mailer` <> '0' AS DOUBLE)) AS `n_mailer`
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
              `t5`.`display`,
              `t5`.`mailer`
            FROM `transactions` AS `t4`
            INNER JOIN (
              SELECT
                MIN(`t0`.`first_day`) AS `span_start`,
                MAX(`t0`.`index_day`) AS `span_end`
              FROM `windows` AS `t0`
            ) AS `t8`
              ON `t4`.`day` >= `t8`.`span_start` AND `t4`.`day` < `t8`.`span_end`
            INNER JOIN `promotions` AS `t5`
              ON `t4`.`product_id` = `t5`.`product_id`
              AND `t4`.`store_id` = `t5`.`store_id`
              AND `t4`.`week_no` = `t5`.`week_no`
          ) AS `t10`
          GROUP BY
            1,
            2
        ) AS `t12`
          ON `t9`.`household_key` = `t12`.`household_key` AND `t9`.`day` = `t12`.`day`
      ) AS `t13`
    ) AS `t15`
    INNER JOIN `windows` AS `t3`
      ON `t15`.`day` >= `t3`.`first_day` AND `t15`.`day` < `t3`.`index_day`
  ) AS `t16`
  GROUP BY
    1,
    2
) AS `t17`
ORDER BY
  `t17`.`window` ASC NULLS LAST,
  `t17`.`household_key` ASC NULLS LAST
