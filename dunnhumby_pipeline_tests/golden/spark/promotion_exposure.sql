SELECT
  `t11`.`window`,
  `t11`.`household_key`,
  `t11`.`n_display` / NULLIF(`t11`.`n_lines`, 0) AS `display_exposure_rate`,
  `t11`.`n_mailer` / NULLIF(`t11`.`n_lines`, 0) AS `mailer_exposure_rate`
FROM (
  SELECT
    `t10`.`window`,
    `t10`.`household_key`,
    SUM(CAST(`t10`.`n_lines` AS DOUBLE)) AS `n_lines`,
    SUM(`t10`.`n_display`) AS `n_display`,
    SUM(`t10`.`n_mailer`) AS `n_mailer`
  FROM (
    SELECT
      `t9`.`household_key`,
      `t9`.`day`,
      `t9`.`n_lines`,
      `t9`.`n_display`,
      `t9`.`n_mailer`,
      `t3`.`window`,
      `t3`.`first_day`,
      `t3`.`index_day`
    FROM (
      SELECT
        `t7`.`household_key`,
        `t7`.`day`,
        COUNT(*) AS `n_lines`,
        SUM(CAST(COALESCE(`t7`.`display` <> '0', FALSE) AS DOUBLE)) AS `n_display`,
        SUM(CAST(COALESCE(`t7`.`mailer` <> '0', FALSE) AS DOUBLE)) AS `n_mailer`
      FROM (
        SELECT
          `t6`.`household_key`,
          `t6`.`day`,
          `t6`.`product_id`,
          `t6`.`store_id`,
          `t6`.`week_no`,
          `t4`.`product_id` AS `product_id_right`,
          `t4`.`store_id` AS `store_id_right`,
          `t4`.`week_no` AS `week_no_right`,
          `t4`.`display`,
          `t4`.`mailer`
        FROM (
          SELECT
            `t1`.`household_key`,
            `t1`.`day`,
            `t1`.`product_id`,
            `t1`.`store_id`,
            `t1`.`week_no`
          FROM `transactions` AS `t1`
        ) AS `t6`
        LEFT OUTER JOIN `promotions` AS `t4`
          ON `t6`.`product_id` = `t4`.`product_id`
          AND `t6`.`store_id` = `t4`.`store_id`
          AND `t6`.`week_no` = `t4`.`week_no`
      ) AS `t7`
      GROUP BY
        1,
        2
    ) AS `t9`
    INNER JOIN `windows` AS `t3`
      ON `t9`.`day` >= `t3`.`first_day` AND `t9`.`day` < `t3`.`index_day`
  ) AS `t10`
  GROUP BY
    1,
    2
) AS `t11`
ORDER BY
  `t11`.`window` ASC NULLS LAST,
  `t11`.`household_key` ASC NULLS LAST
