SELECT
  `t14`.`window`,
  `t14`.`household_key`,
  `t14`.`n_display` / NULLIF(`t14`.`n_lines`, 0) AS `display_exposure_rate`,
  `t14`.`n_mailer` / NULLIF(`t14`.`n_lines`, 0) AS `mailer_exposure_rate`
FROM (
  SELECT
    `t13`.`window`,
    `t13`.`household_key`,
    SUM(`t13`.`n_lines`) AS `n_lines`,
    SUM(COALESCE(`t13`.`n_display`, CAST(0.0 AS DOUBLE))) AS `n_display`,
    SUM(COALESCE(`t13`.`n_mailer`, CAST(0.0 AS DOUBLE))) AS `n_mailer`
  FROM (
    SELECT
      `t8`.`household_key`,
      `t8`.`day`,
      `t8`.`n_lines`,
      `t12`.`household_key` AS `household_key_right`,
      `t12`.`day` AS `day_right`,
      `t12`.`n_display`,
      `t12`.`n_mailer`,
      `t4`.`window`,
      `t4`.`first_day`,
      `t4`.`index_day`
    FROM (
      SELECT
        `t0`.`household_key`,
        `t0`.`day`,
        CAST(COUNT(*) AS DOUBLE) AS `n_lines`
      FROM `transactions` AS `t0`
      GROUP BY
        1,
        2
    ) AS `t8`
    LEFT OUTER JOIN (
      SELECT
        `t10`.`household_key`,
        `t10`.`day`,
        SUM(CAST(`t10`.`display` <> '0' AS DOUBLE)) AS `n_display`,
        SUM(CAST(`t10`.`mailer` <> '0' AS DOUBLE)) AS `n_mailer`
      FROM (
        SELECT
          `t3`.`household_key`,
          `t3`.`basket_id`,
          `t3`.`day`,
          `t3`.`week_no`,
          `t3`.`product_id`,
          `t3`.`quantity`,
          `t3`.`sales_value`,
          `t3`.`store_id`,
          `t3`.`retail_disc`,
          `t3`.`trans_time`,
          `t3`.`coupon_disc`,
          `t3`.`coupon_match_disc`,
          `t5`.`display`,
          `t5`.`mailer`
        FROM `transactions` AS `t3`
        INNER JOIN (
          SELECT
            MIN(`t1`.`first_day`) AS `span_start`,
            MAX(`t1`.`index_day`) AS `span_end`
          FROM `windows` AS `t1`
        ) AS `t9`
          ON `t3`.`day` >= `t9`.`span_start` AND `t3`.`day` < `t9`.`span_end`
        INNER JOIN `promotions` AS `t5`
          ON `t3`.`product_id` = `t5`.`product_id`
          AND `t3`.`store_id` = `t5`.`store_id`
          AND `t3`.`week_no` = `t5`.`week_no`
      ) AS `t10`
      GROUP BY
        1,
        2
    ) AS `t12`
      ON `t8`.`household_key` = `t12`.`household_key` AND `t8`.`day` = `t12`.`day`
    INNER JOIN `windows` AS `t4`
      ON `t8`.`day` >= `t4`.`first_day` AND `t8`.`day` < `t4`.`index_day`
  ) AS `t13`
  GROUP BY
    1,
    2
) AS `t14`
ORDER BY
  `t14`.`window` ASC NULLS LAST,
  `t14`.`household_key` ASC NULLS LAST
